"""Matrix and cases to a plan: a value that says everything a run will do, before it does it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.matrix.disk import DiskUse

__all__ = ["Cost", "Load", "Plan", "PlannedCell", "Save", "plan_matrix"]

#: Version of the plan's JSON form.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell of the plan.

    Attributes:
        cell: The declared cell.
        unsupported: Why it cannot exist (no such wheel), in one sentence; empty when it can.
        download_bytes: Size of its torch wheel, when that is known.
        disk: What its environment takes on disk, when that is known.
        obstacle: Why the chosen provider cannot make it, when that is known beforehand.
    """

    cell: Cell
    unsupported: str = ""
    download_bytes: int | None = None
    disk: DiskUse | None = None
    obstacle: str = ""


class Save(NamedTuple):
    """One save of the plan."""

    producer: str
    device: str
    case: str


class Load(NamedTuple):
    """One load of the plan."""

    producer: str
    producer_device: str
    consumer: str
    device: str
    case: str
    mode: Mode

    @property
    def source(self) -> Save:
        """The save whose checkpoint it loads."""
        return Save(self.producer, self.producer_device, self.case)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a plan costs when nothing is known yet.

    Attributes:
        cells: Cells that can be tried.
        saves: Saves to do.
        loads: Loads to do.
        jobs: Starts of the cell program: one probe, and one save and one load per device, a cell.
        download_bytes: Torch wheels to fetch, at least; packages they depend on not counted.
        unknown_downloads: Cells whose wheel size is not known.
        disk_bytes: Environments on disk, those of known size.
        unknown_disk: Cells whose size on disk is not known.
    """

    cells: int
    saves: int
    loads: int
    jobs: int
    download_bytes: int
    unknown_downloads: int
    disk_bytes: int
    unknown_disk: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a run will do.

    Attributes:
        matrix: Name of the matrix.
        cells: In the matrix's order.
        left_out: Combination → the rule that left it out, for people.
        devices: Where tensors live: ``cpu``, ``cuda:0``.
        cases: In the catalogue's order.
        controls: Names of cases planned only because every cell needs its controls.
    """

    matrix: str
    cells: tuple[PlannedCell, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    cases: tuple[CaseInfo, ...]
    controls: tuple[str, ...] = ()

    @property
    def usable(self) -> tuple[Cell, ...]:
        """Cells that can be tried."""
        return tuple(planned.cell for planned in self._usable)

    @property
    def _usable(self) -> tuple[PlannedCell, ...]:
        return tuple(each for each in self.cells if not (each.unsupported or each.obstacle))

    def case(self, name: str) -> CaseInfo:
        """The case of that name.

        Raises:
            KeyError: The plan has no such case.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, CaseInfo]:
        return {case.name: case for case in self.cases}

    @cached_property
    def variants(self) -> dict[str, tuple[CaseInfo, ...]]:
        """Case → the cases of the plan that save the same content in another way."""
        found: dict[str, tuple[CaseInfo, ...]] = {}
        for case in self.cases:
            if case.variant_of:
                found[case.variant_of] = (*found.get(case.variant_of, ()), case)
        return found

    def saves(self) -> Iterator[Save]:
        """Every save, also of cells that cannot be tried: those become outcomes as well."""
        for planned, device, case in product(self.cells, self.devices, self.cases):
            yield Save(planned.cell.id, device, case.name)

    def loads(self) -> Iterator[Load]:
        """Every load, also of cells that cannot be tried: those become outcomes as well."""
        for saver, saved_on, loader, device, case in product(
            self.cells, self.devices, self.cells, self.devices, self.cases
        ):
            for mode in case.modes:
                yield Load(saver.cell.id, saved_on, loader.cell.id, device, case.name, mode)

    def cost(self) -> Cost:
        """What doing all of it from nothing costs."""
        cells, devices = len(self.usable), len(self.devices)
        modes = sum(len(case.modes) for case in self.cases)
        sizes = [planned.download_bytes for planned in self._usable]
        disks = [planned.disk for planned in self._usable]
        return Cost(
            cells=cells,
            saves=cells * devices * len(self.cases),
            loads=cells * cells * devices * devices * modes,
            jobs=cells * (1 + 2 * devices),
            download_bytes=sum(size for size in sizes if size is not None),
            unknown_downloads=sizes.count(None),
            disk_bytes=sum(disk.bytes for disk in disks if disk is not None),
            unknown_disk=disks.count(None),
        )

    def to_json(self) -> dict[str, Any]:
        """The versioned JSON form: plain lists, dicts, strings and numbers."""
        return {
            "format": FORMAT,
            "matrix": self.matrix,
            "devices": list(self.devices),
            "cells": [
                {
                    **asdict(planned.cell),
                    "packages": list(planned.cell.packages),
                    "reason": _reason(planned),
                    "unsupported": planned.unsupported,
                    "obstacle": planned.obstacle,
                    "download_bytes": planned.download_bytes,
                    "disk": None if planned.disk is None else asdict(planned.disk),
                }
                for planned in self.cells
            ],
            "left_out": [{"cell": cell, "because": why} for cell, why in self.left_out],
            "cases": [
                {
                    "name": case.name,
                    "family": case.family,
                    "modes": [mode.value for mode in case.modes],
                    "digest": case.digest,
                    "control": case.name in self.controls,
                }
                for case in self.cases
            ],
            "cost": asdict(self.cost()),
        }


def _reason(planned: PlannedCell) -> str | None:
    if planned.unsupported:
        return Reason.NO_WHEEL.value
    return Reason.HOST_UNSUPPORTED.value if planned.obstacle else None


def plan_matrix(
    name: str,
    cells: Sequence[Cell],
    cases: Sequence[CaseInfo],
    *,
    devices: Sequence[str] = ("cpu",),
    left_out: Sequence[tuple[str, str]] = (),
    controls: Sequence[CaseInfo] = (),
    why_no_wheel: Callable[[Cell], str | None] = lambda _: None,
    download_bytes: Callable[[Cell], int | None] = lambda _: None,
    disk_use: Callable[[Cell], DiskUse | None] = lambda _: None,
) -> Plan:
    """Plan a run.

    Args:
        name: Name of the matrix.
        cells: Cells to produce and consume.
        cases: Selected cases.
        devices: Where tensors live.
        left_out: Combinations excluded by the matrix, with the rule.
        controls: Cases every cell needs; those not selected are added at the end.
        why_no_wheel: Why a cell cannot exist, or None; see ``matrix.wheels``.
        download_bytes: Size of a cell's torch wheel, or None.
        disk_use: What a cell's environment takes on disk, or None.
    """
    selected = {case.name for case in cases}
    added = [case for case in controls if case.name not in selected]
    return Plan(
        matrix=name,
        cells=tuple(
            PlannedCell(
                cell=cell,
                unsupported=why_no_wheel(cell) or "",
                download_bytes=download_bytes(cell),
                disk=disk_use(cell),
            )
            for cell in cells
        ),
        left_out=tuple(left_out),
        devices=tuple(devices),
        cases=(*cases, *added),
        controls=tuple(case.name for case in added),
    )
