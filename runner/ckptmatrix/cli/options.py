"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from ckptmatrix.gate.policy import DEFAULT, Rule

__all__ = [
    "AS_JSON",
    "BASELINE",
    "CASES",
    "CELLS",
    "EXPECT",
    "FAIL_ON",
    "JOBS",
    "MATRIX",
    "OUT",
    "PROVIDER",
    "REPORTS",
    "STORE",
    "TRUST",
]

MATRIX = click.argument("matrix", type=click.Path(path_type=Path))
CELLS = click.option("--cells", metavar="GLOB", help="Only these cells: 'py3.1*,!*-torch1.*'.")
CASES = click.option("--cases", metavar="GLOB", help="Only these cases: 'module_*,family:numpy'.")
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where run folders land.",
)
PROVIDER = click.option(
    "--provider",
    type=click.Choice(["auto", "venv", "docker"]),
    help="Where environments come from; the matrix's hosts say so when this is not given.",
)
STORE = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where checkpoints and observations are kept.  [default: OUT/.store]",
)
TRUST = click.option(
    "--trust", is_flag=True, help="You trust the files: load them where nothing contains them."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
JOBS = click.option(
    "--jobs", type=click.IntRange(1, 256), help="Jobs at a time; the cores by default."
)
BASELINE = click.option(
    "--baseline",
    metavar="RUN",
    help="What it is compared with; none for nothing.  [default: its matrix's baseline]",
)
FAIL_ON = click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice([rule.value for rule in Rule]),
    help=f"A rule; may be given more than once.  [default: {', '.join(DEFAULT)}]",
)
EXPECT = click.option(
    "--expect",
    type=click.Path(path_type=Path),
    help="A file of loads that are known not to be as they should, why, and until when.",
)
REPORTS = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where run folders land.",
)
