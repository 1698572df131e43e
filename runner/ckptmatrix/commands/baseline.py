"""``ckptmatrix baseline``: the run that later ones of the same matrix are compared with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ckptmatrix.commands.runs import BASELINE, find_baseline, find_run, must_be_complete
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.report.folder import read_run
from ckptmatrix.store.atomic import point_at

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.record import RunRecord

__all__ = ["baseline_set_command", "baseline_show_command"]


def baseline_set_command(run: str, *, reports: Path) -> int:
    """Make a run the baseline of its matrix: the link ``baseline`` beside it points to it.

    Args:
        run: As :func:`ckptmatrix.commands.runs.find_run` takes it.
        reports: Where run folders land.

    Raises:
        UsageError: It is no run, or one that is not complete.
        StoreError: The link cannot be made.
    """
    folder = find_run(run, reports)
    record = read_run(folder, outcomes=False)
    must_be_complete(folder, record)
    if record.partial:
        msg = (
            f"{folder} has only some cells or cases: what it lacks would never be missed\n"
            "    fix: run the matrix without --cells and --cases, and set that run"
        )
        raise UsageError(msg)
    link = folder.parent / BASELINE
    point_at(link, folder.name)
    click.echo(f"{link} → {_words(record)}")
    return ExitCode.COMPLETE


def baseline_show_command(matrix: str, *, reports: Path, as_json: bool) -> int:
    """Say which run is the baseline of a matrix.

    Args:
        matrix: Any of its runs, as :func:`ckptmatrix.commands.runs.find_run` takes it.
        reports: Where run folders land.
        as_json: Whether it is printed as JSON.

    Raises:
        UsageError: It has none.
    """
    parent = find_run(matrix, reports).parent
    folder = find_baseline(parent)
    if folder is None:
        msg = f"{parent} has no baseline\n    fix: ckptmatrix baseline set {matrix}"
        raise UsageError(msg)
    record = read_run(folder, outcomes=False)
    if as_json:
        shown = {"folder": str(folder), "id": record.id, "started": record.started.isoformat()}
        click.echo(json.dumps(shown, indent=1))
    else:
        click.echo(f"{folder}: {_words(record)}")
    return ExitCode.COMPLETE


def _words(record: RunRecord) -> str:
    cells, cases = len(record.cells), len(record.cases)
    return f"{record.id}: {cells} cells, {cases} cases, {record.started:%Y-%m-%d %H:%M %Z}"
