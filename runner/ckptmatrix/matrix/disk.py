"""How much disk an environment takes: measured for a few releases, estimated from those for others.

The measurements lie in ``matrices/data/disk.json``. What was not measured is taken to be like the
nearest lower release of the same kind of build, or like the lowest measured when there is none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from ckptmatrix import shipped
from ckptmatrix.matrix.cell import Cell, release_of

__all__ = ["DiskUse", "Measurement", "disk_use", "load_measurements"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One environment that was made and measured; ``cuda`` is ``cpu`` or ``default``."""

    torch: str
    python: str
    cuda: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Bytes of an environment, and whether just such a one was measured."""

    bytes: int
    measured: bool


@cache
def load_measurements() -> tuple[Measurement, ...]:
    """The measurements that ship with this package."""
    text = (shipped.matrices() / "data" / "disk.json").read_text(encoding="utf-8")
    return tuple(Measurement(**entry) for entry in json.loads(text)["environments"])


def disk_use(cell: Cell, known: tuple[Measurement, ...] | None = None) -> DiskUse | None:
    """The disk a cell's environment takes, its extra packages not counted.

    Args:
        cell: Any cell.
        known: The measurements; the shipped ones by default.

    Returns:
        None for a cell of a suite or an image, of which nothing is known.
    """
    if not cell.is_wheels or cell.torch is None:
        return None
    kind = "cpu" if cell.cuda == "cpu" else "default"
    alike = sorted(
        (each for each in (known or load_measurements()) if each.cuda == kind),
        key=lambda each: release_of(each.torch),
    )
    if not alike:
        return None
    lower = [each for each in alike if release_of(each.torch) <= release_of(cell.torch)]
    nearest = (lower or alike[:1])[-1]
    same = (nearest.torch, nearest.python, nearest.cuda) == (cell.torch, cell.python, cell.cuda)
    return DiskUse(bytes=nearest.bytes, measured=same)
