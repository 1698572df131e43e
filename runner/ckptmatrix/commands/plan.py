"""``ckptmatrix plan``: what a run would do and cost, and what is left out and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckptmatrix.commands.planning import plan_file
from ckptmatrix.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.plan import Plan

__all__ = ["plan_command"]


def plan_command(path: Path, *, cells: str | None, cases: str | None, as_json: bool) -> int:
    """Print the plan of a matrix file.

    Raises:
        ckptmatrix.errors.ExpectedError: The file or a pattern is wrong.
    """
    plan = plan_file(path, cells=cells, cases=cases).plan
    if as_json:
        click.echo(json.dumps(plan.to_json(), indent=2))
    else:
        _show(plan, Console())
    return ExitCode.COMPLETE


def _show(plan: Plan, console: Console) -> None:
    table = Table(title=f"{plan.matrix}: {len(plan.cells)} cells", title_justify="left")
    table.add_column("cell", overflow="fold")
    table.add_column("torch wheel", justify="right")
    table.add_column("")
    for planned in plan.cells:
        size = planned.download_bytes
        table.add_row(
            Text(planned.cell.id),
            "" if planned.unsupported else "unknown" if size is None else _megabytes(size),
            Text(
                f"unsupported: {planned.unsupported}" if planned.unsupported else "to be measured"
            ),
        )
    console.print(table)
    for cell, why in plan.left_out:
        console.print(Text(f"left out: {cell}: {why}"))
    cost = plan.cost()
    modes = sum(len(case.modes) for case in plan.cases)
    extra = f" (of them controls every cell needs: {', '.join(plan.controls)})"
    unknown = f", and {cost.unknown_downloads} more" if cost.unknown_downloads else ""
    lines = (
        f"cases: {len(plan.cases)}{extra if plan.controls else ''}, {modes} with their modes",
        f"saves: {cost.saves}, of {len(plan.cases)} cases by {cost.cells} producers",
        f"loads: at most {cost.loads}, of {cost.cells * cost.cells} pairs of cells",
        f"jobs: at most {cost.jobs}: one probe, and one save and one load per device, a cell",
        f"torch wheels to fetch when none is cached: {_megabytes(cost.download_bytes)}{unknown}",
        "on disk: about twice that; CUDA libraries come on top from torch 1.13 on",
    )
    for line in lines:
        console.print(Text(line))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
