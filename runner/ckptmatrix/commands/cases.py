"""``ckptmatrix cases``: what is saved and loaded, by family."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ckptmatrix.catalogue import builtin_paths, read_cases
from ckptmatrix.errors import ExitCode
from ckptmatrix.judge.policy import Expectation, expectation_of
from ckptmatrix.matrix.selection import select_cases, split_patterns
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ckptmatrix.catalogue import CaseInfo

__all__ = ["cases_command"]


def cases_command(files: tuple[Path, ...], *, patterns: str | None = None, as_json: bool) -> int:
    """Print the cases that ship, and those of the user's files.

    Args:
        files: The user's files of cases.
        patterns: Only these cases, as in ``--cases`` of a run; None for all.
        as_json: Print a JSON list of everything known of each case.

    Raises:
        ckptmatrix.errors.UsageError: A file is not a file of cases, two cases have one name, or a
            pattern matches none.
    """
    cases: Sequence[CaseInfo] = read_cases([*builtin_paths(), *dict.fromkeys(files)])
    if patterns is not None:
        take, leave = split_patterns(patterns)
        cases = select_cases(cases, select=take, exclude=leave, where="--cases")
    if as_json:
        click.echo(json.dumps([asdict(case) for case in cases], indent=2))
        return ExitCode.COMPLETE
    console = Console(highlight=False)
    width = max(len(case.name) for case in cases)
    by_family = sorted(cases, key=lambda case: case.family)
    for family, members in groupby(by_family, key=lambda case: case.family):
        console.print(Text(family, style="bold"))
        console.print(Padding(_table(members, width), (0, 0, 1, 2)))
    console.print(f"{len(cases)} cases")
    return ExitCode.COMPLETE


def _table(cases: Iterator[CaseInfo], width: int) -> Table:
    """One row a case: its name; its sentence, and below it what there is to know."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(no_wrap=True, min_width=width)
    table.add_column(overflow="fold")
    for case in cases:
        said = Text(case.title.rstrip(".") + ".")
        for detail in _details(case):
            said.append(f"\n{detail}", style="dim")
        table.add_row(Text(case.name), said)
    return table


def _details(case: CaseInfo) -> Iterator[str]:
    """Its modes, what it needs, whose variant it is, and what a good environment answers."""
    modes = [mode for mode in case.modes if not mode.is_cure]
    cures = [mode for mode in case.modes if mode.is_cure]
    yield f"modes: {', '.join(modes)}" + (f"; cures: {', '.join(cures)}" if cures else "")
    if case.needs:
        yield f"to save it: {', '.join(case.needs)}"
    if case.loader:
        yield f"to load it: {', '.join(case.loader)}"
    if case.variant_of:
        yield f"variant of {case.variant_of}, cured by {case.cure}"
    yield from _expectations(case)


def _expectations(case: CaseInfo) -> Iterator[str]:
    """What is expected where a good environment does not simply load it, like modes together."""
    whole = expectation_of(case, None)
    if not _simply_loads(whole):
        yield f"expected: {_worded(whole)}"
    own = {mode: expectation_of(case, mode) for mode in case.modes}
    differing = (mode for mode in case.modes if own[mode] != whole)
    by_answer = sorted(differing, key=lambda mode: _worded(own[mode]))
    for answer, modes in groupby(by_answer, key=lambda mode: _worded(own[mode])):
        yield f"expected in {', '.join(modes)}: {answer}"


def _simply_loads(expected: Expectation) -> bool:
    return expected.verdict in (None, Verdict.OK)


def _worded(expected: Expectation) -> str:
    verdict = expected.verdict or Verdict.OK
    return f"{verdict} ({' or '.join(sorted(expected.reasons))})" if expected.reasons else verdict
