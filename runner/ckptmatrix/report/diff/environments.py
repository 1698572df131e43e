"""Cells whose id stayed while what is in them moved: a new image, other packages, another host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ckptmatrix.record import CellRecord, RunRecord

__all__ = ["EnvironmentChange", "environment_changes"]

#: Facts of a cell and what people call them. Those of the host (processor, GPUs) are no part of it:
#: machines of a CI differ from night to night.
_FACTS = {
    "python": "Python",
    "torch": "torch",
    "torch_git": "torch's revision",
    "torch_cuda": "CUDA of torch",
    "torch_hip": "ROCm of torch",
    "numpy": "NumPy",
    "libc": "C library",
    "machine": "machine",
}
#: Of a digest, as many as tell two apart.
_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class EnvironmentChange:
    """One thing in one cell that is not what it was.

    Attributes:
        cell: Its id in both runs.
        what: ``torch``, ``C library``, the name of a package, or ``digest``: of the image or the
            lock it is made from.
        before: In the baseline; empty where it was not there.
        after: Now; empty where it is not there any more.
    """

    cell: str
    what: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """``numpy 1.26.4 → 2.0.0``."""
        return f"{self.what} {self.before or '—'} → {self.after or '—'}"


def environment_changes(base: RunRecord, head: RunRecord) -> tuple[EnvironmentChange, ...]:
    """What moved in the cells that both runs could ask, in the later run's order."""
    before = {cell.id: cell for cell in base.cells}
    return tuple(
        EnvironmentChange(cell=cell.id, what=what, before=was, after=now)
        for cell in head.cells
        if cell.id in before
        for what, was, now in _moved(
            before[cell.id], cell, same_provider=base.provider == head.provider
        )
    )


def _moved(
    was: CellRecord, now: CellRecord, *, same_provider: bool
) -> Iterator[tuple[str, str, str]]:
    if was.facts is None or now.facts is None:
        return
    for name, what in _FACTS.items():
        first, second = (getattr(cell.facts, name) or "" for cell in (was, now))
        if first != second:
            yield what, first, second
    if same_provider and was.environment and now.environment != was.environment:
        yield "digest", was.environment[:_DIGITS], now.environment[:_DIGITS]
    first_packages, second_packages = _packages(was.packages), _packages(now.packages)
    # Of these the facts say it already.
    for name in sorted({*first_packages, *second_packages} - {"torch", "numpy"}):
        first, second = first_packages.get(name, ""), second_packages.get(name, "")
        if first != second:
            yield name, first, second


def _packages(packages: Sequence[str]) -> dict[str, str]:
    """Name → version of ``name==version``."""
    pairs = (package.partition("==") for package in packages)
    return {name: version for name, _, version in pairs}
