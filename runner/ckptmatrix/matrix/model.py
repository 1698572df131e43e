"""A matrix: everything its file says, checked, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix import wire

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.matrix.expand import LeftOut

__all__ = ["Build", "CaseSelection", "Host", "Limits", "Matrix"]


@dataclass(frozen=True, kw_only=True)
class CaseSelection:
    """Which cases to run; see :mod:`ckptmatrix.matrix.selection`.

    Attributes:
        select: Patterns of the cases wanted.
        exclude: Patterns of the cases not wanted, of those.
        files: The user's files of cases; they exist.
    """

    select: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What tasks and environments may use.

    Attributes:
        memory_bytes: Headroom of one task above a process that has imported torch.
        pids: Processes and threads of a cell.
        timeout_s: Seconds for one save or load.
        disk_bytes: Disk for environments, together.
        output_bytes: What one task may print.
        given: Keys that the file gives; the others have their defaults.
    """

    memory_bytes: int
    pids: int
    timeout_s: float
    disk_bytes: int
    output_bytes: int
    given: frozenset[str] = frozenset()

    def wire(self) -> wire.Limits:
        """The part of the limits that the cell program keeps."""
        return wire.Limits(memory_bytes=self.memory_bytes, output_bytes=self.output_bytes)


@dataclass(frozen=True, kw_only=True)
class Build:
    """How environments are made.

    Attributes:
        ca_bundle: Existing file of certificates, or None for the machine's own.
        index: Package index, or None for the default one.
        find_links: Folder or page of wheels, or None.
        base: Name of the base image, with ``{python}`` where the cell's Python belongs.
        given: Keys that the file gives; the others have their defaults.
    """

    ca_bundle: Path | None = None
    index: str | None = None
    find_links: str | None = None
    base: str = "python:{python}-slim"
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine; ``provider`` is ``auto``, ``docker`` or ``venv``."""

    name: str
    provider: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A checked matrix.

    Attributes:
        path: Its file.
        name: Name in reports.
        digest: SHA-256 of the file.
        cells: At least one; ids are unique.
        left_out: Cells of the product that an exclusion took out.
        devices: Where tensors are put: ``cpu``, ``cuda``, ``cuda:0``.
        cases: Which cases to run.
        limits: What tasks may use.
        build: How environments are made.
        platform: Platform of cells that name none.
        hosts: At least one.
    """

    path: Path
    name: str
    digest: str
    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    cases: CaseSelection
    limits: Limits
    build: Build
    platform: str
    hosts: tuple[Host, ...]
