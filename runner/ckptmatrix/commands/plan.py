"""``ckptmatrix plan``: what a run would do and cost, and what is left out and why."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckptmatrix.commands.known import Known, count_known, facts_of_runs
from ckptmatrix.commands.planning import plan_file
from ckptmatrix.errors import EngineError, ExitCode
from ckptmatrix.matrix.unused import unused_settings
from ckptmatrix.providers.pyz import observer_digest
from ckptmatrix.providers.select import Choice, choose_provider
from ckptmatrix.providers.venv.provider import this_platform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ckptmatrix.commands.planning import Planned
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.plan import Plan, PlannedCell

__all__ = ["plan_command"]


def plan_command(
    path: Path,
    *,
    provider: str | None,
    cells: str | None,
    cases: str | None,
    out: Path,
    store: Path | None,
    as_json: bool,
) -> int:
    """Print the plan of a matrix file. Nothing is started, made or changed.

    Args:
        path: The matrix file.
        provider: ``auto``, ``venv`` or ``docker``; what the matrix says when None.
        cells: Patterns of the cells wanted, or None.
        cases: Patterns of the cases wanted, or None.
        out: Where run folders of earlier runs are.
        store: Where earlier runs kept their results; ``out/.store`` when None.
        as_json: Whether the plan is printed as JSON.

    Raises:
        ckptmatrix.errors.ExpectedError: The file or a pattern is wrong.
    """
    planned = plan_file(path, cells=cells, cases=cases)
    choice = _choice(provider, planned)
    plan = _with_obstacles(planned.plan, choice.name)
    facts = facts_of_runs(
        out / planned.matrix.name,
        provider=choice.name,
        cells={cell.id for cell in plan.usable},
    )
    known = count_known(
        plan,
        facts,
        store or out / ".store",
        observer=observer_digest(),
        limits=planned.matrix.limits.wire(),
        timeout_s=planned.matrix.limits.timeout_s,
    )
    unused = unused_settings(planned.matrix, choice.name)
    if as_json:
        more = {
            "provider": choice.name,
            "provider_note": choice.reason,
            "known": asdict(known),
            "unused": list(unused),
        }
        click.echo(json.dumps(plan.to_json() | more, indent=2))
    else:
        _show(plan, choice, known, unused, Console())
    return ExitCode.COMPLETE


def _choice(asked: str | None, planned: Planned) -> Choice:
    """The provider a run would take; a plan needs no engine, so that none answers is only said."""
    name = asked or planned.matrix.hosts[0].provider
    try:
        return choose_provider(name, planned.plan.usable, base=planned.matrix.build.base)
    except EngineError as error:
        return Choice(name, f"{name}: {str(error).splitlines()[0]}")


def _with_obstacles(plan: Plan, provider: str) -> Plan:
    """The plan with what is known beforehand not to be possible with a provider."""
    if provider != "venv":
        return plan
    cells = tuple(
        each if each.unsupported else replace(each, obstacle=_obstacle(each.cell))
        for each in plan.cells
    )
    return replace(plan, cells=cells)


def _obstacle(cell: Cell) -> str:
    if not cell.is_wheels:
        return "needs containers: --provider docker"
    if cell.platform != this_platform():
        return f"is for {cell.platform}; this machine is {this_platform()}"
    return ""


def _show(
    plan: Plan, choice: Choice, known: Known, unused: Sequence[str], console: Console
) -> None:
    console.print(Text(choice.reason), soft_wrap=True)
    table = Table(title=f"{plan.matrix}: {len(plan.cells)} cells", title_justify="left")
    table.add_column("cell", overflow="fold")
    table.add_column("torch wheel", justify="right")
    table.add_column("on disk", justify="right")
    table.add_column("")
    for planned in plan.cells:
        table.add_row(Text(planned.cell.id), *map(Text, _columns(planned, choice.name)))
    console.print(table)
    for cell, why in plan.left_out:
        console.print(Text(f"left out: {cell}: {why}"), soft_wrap=True)
    for line in _lines(plan, known):
        console.print(Text(line), soft_wrap=True)
    if unused:
        console.print(Text(f"not used by {choice.name}: {'; '.join(unused)}"), soft_wrap=True)


def _columns(planned: PlannedCell, provider: str) -> tuple[str, str, str]:
    if planned.unsupported:
        return "", "", f"unsupported: {planned.unsupported}"
    if planned.obstacle:
        return "", "", f"not with {provider}: {planned.obstacle}"
    size, disk = planned.download_bytes, planned.disk
    return (
        "unknown" if size is None else _megabytes(size),
        "unknown" if disk is None else f"{'' if disk.measured else '~'}{_gigabytes(disk.bytes)}",
        "to be measured",
    )


def _lines(plan: Plan, known: Known) -> tuple[str, ...]:
    cost = plan.cost()
    modes = sum(len(case.modes) for case in plan.cases)
    extra = f" (of them controls every cell needs: {', '.join(plan.controls)})"
    most = "" if known.exact else "at most "
    fetched = f"{_megabytes(cost.download_bytes)}{_and_more(cost.unknown_downloads)}"
    disk = f"{_gigabytes(cost.disk_bytes)}{_and_more(cost.unknown_disk)}"
    left = f"{known.left_saves} saves, {known.left_loads} loads, {known.left_jobs} jobs"
    return (
        f"cases: {len(plan.cases)}{extra if plan.controls else ''}, {modes} with their modes",
        f"saves: {cost.saves}, of {len(plan.cases)} cases by {cost.cells} producers",
        f"loads: at most {cost.loads}, of {cost.cells * cost.cells} pairs of cells",
        f"jobs: at most {cost.jobs}: one probe, and one save and one load per device, a cell",
        f"known from earlier runs: {known.saves} saves, {known.loads} loads",
        f"left to do: {most}{left}",
        f"torch wheels to fetch when none is cached: {fetched}; what torch depends on is not in it",
        f"disk for environments when none is made: about {disk} (~: by the nearest one measured)",
    )


def _and_more(unknown: int) -> str:
    return f", and {unknown} of unknown size" if unknown else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
