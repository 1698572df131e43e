"""``ckptmatrix diff``: what became of every load since another run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix.commands.runs import open_run
from ckptmatrix.errors import ExitCode
from ckptmatrix.report.diff.compare import compare
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.diff.markdown import diff_markdown
from ckptmatrix.report.diff.record import to_json
from ckptmatrix.report.diff.terminal import print_diff
from ckptmatrix.report.history import History
from ckptmatrix.report.tables import shown
from ckptmatrix.report.text import plain

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["diff_command"]


def diff_command(base: str, head: str, *, reports: Path, form: str, every: bool) -> int:
    """Compare two runs.

    Args:
        base: The earlier run, as :func:`ckptmatrix.commands.runs.find_run` takes it.
        head: The later one.
        reports: Where run folders land.
        form: ``terminal``, ``markdown`` or ``json``.
        every: Whether a terminal is told of everything.

    Returns:
        0: what to make of a difference is for ``ckptmatrix gate`` to say.

    Raises:
        UsageError: One of them is no run that has ended.
    """
    _, first = open_run(base, reports)
    folder, second = open_run(head, reports)
    past = History.open(folder.parent, until=second.run.id).table()
    diff = compare(first, second, past)
    found = groups(diff)
    if form == "json":
        click.echo(json.dumps(to_json(diff, found), indent=1))
        return ExitCode.COMPLETE
    if form == "markdown":
        click.echo(diff_markdown(diff), nl=False)
        return ExitCode.COMPLETE
    console = Console()
    if first.run.matrix != second.run.matrix:
        said = f"two matrices are compared: {first.run.matrix} and {second.run.matrix}"
        console.print(Text(shown(plain(said), console), "yellow"), soft_wrap=True)
    print_diff(diff, found, console, every=every)
    return ExitCode.COMPLETE
