"""``ckptmatrix history``: since when, until when and how steadily."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckptmatrix.commands.runs import find_run
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.matrix.selection import chosen_names, matches_case
from ckptmatrix.report.folder import read_run
from ckptmatrix.report.history import History
from ckptmatrix.report.tables import shown as fit
from ckptmatrix.report.text import counted_noun, listed, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["history_command"]

_MOST = 100
_SQUARES = {
    "producer": "saved by",
    "consumer": "loaded in",
    "loads": "loads",
    "bad": "not as expected",
    "since": "since",
    "last_ok": "last good",
    "flake_rate": "flaky",
}
_LOADS = {
    "producer": "saved by",
    "consumer": "loaded in",
    "case": "case",
    "mode": "mode",
    "since": "since",
    "runs": "runs",
    "last_ok": "last good",
    "first_seen": "first seen",
    "flake_rate": "flaky",
}


def history_command(
    matrix: str,
    *,
    chosen: dict[str, str | None],
    loads: bool,
    every: bool,
    reports: Path,
    as_json: bool,
) -> int:
    """Show the history of a matrix.

    Args:
        matrix: As :func:`ckptmatrix.commands.runs.find_run` takes it; of a run, what was known
            with it.
        chosen: ``producer``, ``consumer``, ``case``, ``mode`` → patterns, or None for all.
        loads: Whether loads are listed, not squares.
        every: Whether those that are as expected are listed too.
        reports: Where run folders land.
        as_json: Whether JSON is printed.

    Raises:
        UsageError: There is no such run, or a pattern matches nothing.
    """
    folder = find_run(matrix, reports)
    last = read_run(folder, outcomes=False)
    history = History.open(folder.parent, until=last.id)
    table = history.table() if loads else history.squares()
    families = {case: family for run in history.runs for case, (family, _) in run.cases.items()}
    meant = [
        table[column].isin(_matching(table[column], column, patterns, families))
        for column, patterns in chosen.items()
        if patterns is not None and column in table
    ]
    for each in meant:
        table = table[each.reindex(table.index)]
    bad = ~table["good"] if loads else table["bad"] > 0
    shown = table if every else table[bad]
    if as_json:
        click.echo(json.dumps(_document(history, shown), indent=1))
        return ExitCode.COMPLETE
    console = Console()
    first, last = history.runs[0], history.runs[-1]
    runs = counted_noun(len(history.runs), "run")
    said = plain(f"{last.matrix}: {runs}, {first.id} to {last.id}", 300)
    console.print(Text(fit(said, console)))
    _print(console, shown, _LOADS if loads else _SQUARES)
    return ExitCode.COMPLETE


def _matching(
    names: pd.Series[Any], column: str, patterns: str, families: Mapping[str, str]
) -> list[str]:
    """The names that patterns mean; for cases a family as well."""
    every = list(dict.fromkeys(names))

    def case(name: str, pattern: str) -> bool:
        return matches_case(name, families.get(name, ""), pattern)

    found = chosen_names(every, patterns, case if column == "case" else fnmatchcase)
    if not found:
        msg = f"--{column}: «{patterns}» matches nothing; there are {plain(listed(every, 12), 600)}"
        raise UsageError(msg)
    return found


def _print(console: Console, shown: pd.DataFrame, columns: dict[str, str]) -> None:
    if shown.empty:
        console.print("everything is as expected")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in columns.values():
        table.add_column(title, overflow="fold")
    for values in shown[list(columns)].head(_MOST).itertuples(index=False, name=None):
        cells = (_cell(name, value) for name, value in zip(columns, values, strict=True))
        table.add_row(*(Text(fit(plain(cell, 200), console)) for cell in cells))
    console.print(table)
    if len(shown) > _MOST:
        console.print(f"and {len(shown) - _MOST} more: --json has all")


def _cell(name: str, value: object) -> str:
    if name == "flake_rate":
        return f"{float(str(value)):.0%}"
    return "never" if value is None and name == "last_ok" else str(value or "")


def _document(history: History, shown: pd.DataFrame) -> dict[str, Any]:
    return {
        "format": 1,
        "matrix": history.runs[-1].matrix,
        "runs": [
            {"id": run.id, "started": run.started.isoformat(), "status": run.status}
            for run in history.runs
        ],
        "rows": json.loads(shown.to_json(orient="records")),
    }
