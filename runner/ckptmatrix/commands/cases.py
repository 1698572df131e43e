"""``ckptmatrix cases``: what is saved and loaded, by family."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckptmatrix.catalogue import builtin_cases, user_cases
from ckptmatrix.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cases_command"]


def cases_command(files: tuple[Path, ...], *, as_json: bool) -> int:
    """Print the cases that ship, and those of the user's files.

    Raises:
        ckptmatrix.errors.UsageError: A file is not a file of cases.
    """
    cases = [*builtin_cases(), *(case for file in files for case in user_cases(file))]
    if as_json:
        click.echo(json.dumps([asdict(case) for case in cases], indent=2))
        return ExitCode.COMPLETE
    console = Console()
    by_family = sorted(cases, key=lambda case: case.family)
    for family, members in groupby(by_family, key=lambda case: case.family):
        table = Table(title=Text(family, style="bold"), title_justify="left", show_header=False)
        table.add_column("case", no_wrap=True)
        table.add_column("what")
        table.add_column("modes")
        for case in members:
            needs = f" Needs {', '.join(case.needs)}." if case.needs else ""
            table.add_row(
                Text(case.name), Text(case.title + needs), Text(" ".join(map(str, case.modes)))
            )
        console.print(table)
    console.print(f"{len(cases)} cases")
    return ExitCode.COMPLETE
