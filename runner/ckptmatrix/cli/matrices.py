"""Commands about a matrix: what it would do, and doing it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from ckptmatrix.cli.options import (
    AS_JSON,
    BASELINE,
    CASES,
    CELLS,
    EXPECT,
    FAIL_ON,
    JOBS,
    MATRIX,
    OUT,
    PROVIDER,
    STORE,
)
from ckptmatrix.errors import ExitCode

__all__ = ["cases", "plan", "run", "schema"]


@click.command(
    epilog="""Exit codes: 0 every load has an answer, whatever it is; 1 the gate does not let it
    pass; 2 wrong usage; 3 something could not be measured, or a cell not be used; 130
    interrupted."""
)
@MATRIX
@PROVIDER
@CELLS
@CASES
@JOBS
@OUT
@STORE
@click.option("--fresh", is_flag=True, help="Ignore what earlier runs saw.")
@click.option("--update-locks", is_flag=True, help="Resolve packages anew instead of by lock.")
@click.option("--gate", is_flag=True, help="Also say whether it may pass, with the three below.")
@BASELINE
@FAIL_ON
@EXPECT
@AS_JSON
def run(
    matrix: Path,
    *,
    gate: bool,
    baseline: str | None,
    fail_on: tuple[str, ...],
    expect: Path | None,
    **options: Any,  # noqa: ANN401 - click hands options by name
) -> int:
    """Save in every cell, load in every other, print the table and write a report."""
    if not gate and (baseline is not None or fail_on or expect is not None):
        msg = "--baseline, --fail-on and --expect are about --gate"
        raise click.UsageError(msg)
    from ckptmatrix.commands.run import run_command

    asked = None
    if gate:
        # It imports pandas, which a run by itself does without.
        from ckptmatrix.commands.gate import GateOptions, ready_gate

        wanted = GateOptions(
            baseline=baseline, reports=options["out"], fail_on=fail_on, expect=expect
        )
        asked = partial(ready_gate, wanted)
    return run_command(matrix, gate=asked, **options)


@click.command()
@MATRIX
@PROVIDER
@CELLS
@CASES
@OUT
@STORE
@AS_JSON
def plan(matrix: Path, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Show what a run would do and cost, what is known already, and what is left out and why."""
    from ckptmatrix.commands.plan import plan_command

    return plan_command(matrix, **options)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@CASES
@AS_JSON
def cases(files: tuple[Path, ...], cases: str | None, *, as_json: bool) -> int:
    """List the cases by family; FILES are case files of your own to list as well."""
    from ckptmatrix.commands.cases import cases_command

    return cases_command(files, patterns=cases, as_json=as_json)


@click.command()
@click.option(
    "--of",
    type=click.Choice(["matrix", "run"]),
    default="matrix",
    show_default=True,
    help="Of matrix files, or of what report --format json writes.",
)
def schema(*, of: str) -> int:
    """Print a JSON Schema."""
    if of == "matrix":
        from ckptmatrix.matrix.schema import json_schema as made
    else:
        from ckptmatrix.report.document import document_schema as made

    click.echo(json.dumps(made(), indent=2))
    return ExitCode.COMPLETE
