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
from ckptmatrix.judge.policy import Expectation, expectation_of
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckptmatrix.catalogue import CaseInfo

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
            table.add_row(
                Text(case.name), Text(_described(case)), Text(" ".join(map(str, case.modes)))
            )
        console.print(table)
    console.print(f"{len(cases)} cases")
    return ExitCode.COMPLETE


def _described(case: CaseInfo) -> str:
    """What it is, what it needs and what a good environment answers, in whole sentences."""
    sentences = [case.title.rstrip(".")]
    if case.needs:
        sentences.append(f"Needs {', '.join(case.needs)}")
    for where, expected in _expectations(case):
        if expected.verdict not in (None, Verdict.OK):
            why = f" ({' or '.join(sorted(expected.reasons))})" if expected.reasons else ""
            sentences.append(f"Expected{where}: {expected.verdict}{why}")
    return " ".join(f"{sentence}." for sentence in sentences)


def _expectations(case: CaseInfo) -> Iterator[tuple[str, Expectation]]:
    yield "", expectation_of(case, None)
    for mode in case.modes:
        if mode in case.expect.get("modes", {}):
            yield f" in mode {mode}", expectation_of(case, mode)
