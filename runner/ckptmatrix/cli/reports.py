"""Commands about runs that have ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ckptmatrix.cli.options import AS_JSON, BASELINE, EXPECT, FAIL_ON, REPORTS
from ckptmatrix.report.forms import FILES

__all__ = ["baseline", "diff", "gate", "history", "report"]


@click.command()
@click.argument("base")
@click.argument("head")
@REPORTS
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "json"]),
    default="terminal",
    show_default=True,
)
@click.option("--all", "every", is_flag=True, help="Leave nothing out of the terminal's lists.")
def diff(base: str, head: str, *, reports: Path, form: str, every: bool) -> int:
    """Say what became of every load of run HEAD since run BASE.

    Runs are folders, or names under the reports: a matrix for its latest run (default), one run of
    it (default/20260102-030405), or default/baseline.
    """
    from ckptmatrix.commands.diff import diff_command

    return diff_command(base, head, reports=reports, form=form, every=every)


@click.group()
def baseline() -> None:
    """The run that later ones of its matrix are compared with."""


@baseline.command(name="set")
@click.argument("run")
@REPORTS
def set_(run: str, *, reports: Path) -> int:
    """Make RUN the baseline of its matrix."""
    from ckptmatrix.commands.baseline import baseline_set_command

    return baseline_set_command(run, reports=reports)


@baseline.command()
@click.argument("matrix")
@REPORTS
@AS_JSON
def show(matrix: str, *, reports: Path, as_json: bool) -> int:
    """Say which run is the baseline of MATRIX."""
    from ckptmatrix.commands.baseline import baseline_show_command

    return baseline_show_command(matrix, reports=reports, as_json=as_json)


@click.command(
    epilog="""Exit codes: 0 no rule is broken; 1 one is; 2 wrong usage, or a file of expectations
    that cannot be used."""
)
@click.argument("run")
@BASELINE
@FAIL_ON
@EXPECT
@REPORTS
@AS_JSON
def gate(run: str, *, as_json: bool, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Say whether RUN may pass, and why not."""
    from ckptmatrix.commands.gate import GateOptions, gate_command

    return gate_command(run, GateOptions(**options), as_json=as_json)


@click.command()
@click.argument("run")
@click.option(
    "--format",
    "forms",
    multiple=True,
    type=click.Choice(list(FILES)),
    help="May be given more than once.  [default: all of them]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file for one format, the folder for several.  [default: one text is printed, "
    "several go into the run's folder]",
)
@click.option(
    "--baseline",
    metavar="RUN",
    help="Begin with what changed since this run.  [default: its matrix's baseline, if any]",
)
@REPORTS
def report(run: str, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Write the reports of RUN: a page, Markdown, tables, JUnit XML, JSON, a badge."""
    from ckptmatrix.commands.report import report_command

    return report_command(run, **options)


@click.command()
@click.argument("matrix")
@click.option("--producer", metavar="GLOB", help="Only what these cells saved.")
@click.option("--consumer", metavar="GLOB", help="Only what these cells loaded.")
@click.option("--case", metavar="GLOB", help="Only these cases; loads are listed.")
@click.option("--mode", metavar="GLOB", help="Only these modes; loads are listed.")
@click.option("--loads", is_flag=True, help="List loads, not producers by consumers.")
@click.option("--all", "every", is_flag=True, help="Also what is as expected.")
@REPORTS
@AS_JSON
def history(
    matrix: str,
    *,
    producer: str | None,
    consumer: str | None,
    case: str | None,
    mode: str | None,
    loads: bool,
    every: bool,
    reports: Path,
    as_json: bool,
) -> int:
    """Say since when something of MATRIX fails, when it last went well, and how steadily."""
    from ckptmatrix.commands.history import history_command

    chosen = {"producer": producer, "consumer": consumer, "case": case, "mode": mode}
    return history_command(
        matrix,
        chosen=chosen,
        loads=loads or case is not None or mode is not None,
        every=every,
        reports=reports,
        as_json=as_json,
    )
