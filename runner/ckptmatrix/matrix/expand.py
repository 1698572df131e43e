"""Axes minus exclusions plus single cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from ckptmatrix.matrix.cell import DEFAULT_PLATFORM, Cell, derive_id, release_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "AXES",
    "Axes",
    "Exclusion",
    "Expansion",
    "LeftOut",
    "expand",
    "satisfies",
    "with_derived_id",
]

#: Names of the axes, the one that varies slowest first.
AXES = ("python", "torch", "cuda", "numpy")

_WORDS = frozenset({"cpu", "default"})


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Lists whose product is wanted; each without repeats."""

    python: tuple[str, ...]
    torch: tuple[str, ...]
    cuda: tuple[str, ...] = ("default",)
    numpy: tuple[str, ...] = ("",)
    platform: str = DEFAULT_PLATFORM

    def cells(self) -> Iterator[Cell]:
        """The product, the first axis varying slowest."""
        for python, torch, cuda, numpy in product(self.python, self.torch, self.cuda, self.numpy):
            yield with_derived_id(
                Cell(
                    id="",
                    python=python,
                    torch=torch,
                    cuda=cuda,
                    numpy=numpy,
                    platform=self.platform,
                )
            )

    @property
    def size(self) -> int:
        """How many cells the product has."""
        return len(self.python) * len(self.torch) * len(self.cuda) * len(self.numpy)


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Cells of the product that are not wanted: those for which every given condition holds.

    Attributes:
        python: Version specifier, or None for any.
        torch: Version specifier, or None for any.
        cuda: ``cpu``, ``default`` or a version specifier, or None for any.
        numpy: A value of the NumPy axis, or None for any.
        label: How the rule is named to the user: ``python >=3.12, torch <2.2 (line 9)``.
    """

    python: str | None = None
    torch: str | None = None
    cuda: str | None = None
    numpy: str | None = None
    label: str = ""

    def matches(self, cell: Cell) -> bool:
        """Whether the cell is meant."""
        return (
            (self.python is None or satisfies(cell.python or "", self.python))
            and (self.torch is None or satisfies(cell.torch or "", self.torch))
            and (self.cuda is None or satisfies(cell.cuda, self.cuda))
            and (self.numpy is None or cell.numpy == self.numpy)
        )


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A cell of the product that is not in the matrix, and the label of the rule that says so."""

    cell: Cell
    rule: str


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """What came of the axes.

    Attributes:
        cells: The product that is left, in its order, then the included cells in theirs.
        left_out: The rest of the product, in its order.
        idle: Rules that match no cell of the product.
    """

    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    idle: tuple[Exclusion, ...]


def expand(
    axes: Axes | None, exclude: Sequence[Exclusion], include: Sequence[Cell] = ()
) -> Expansion:
    """Lay out the cells of a matrix.

    Args:
        axes: The product, or None for single cells only.
        exclude: Rules, applied to the product alone; the first that matches is the one named.
        include: Single cells.

    Returns:
        The cells. Ids may repeat when an included cell is also in the product.
    """
    kept: list[Cell] = []
    left_out: list[LeftOut] = []
    used: set[int] = set()
    for cell in axes.cells() if axes else ():
        matching = [at for at, rule in enumerate(exclude) if rule.matches(cell)]
        used.update(matching)
        if matching:
            left_out.append(LeftOut(cell=cell, rule=exclude[matching[0]].label))
        else:
            kept.append(cell)
    return Expansion(
        cells=(*kept, *include),
        left_out=tuple(left_out),
        idle=tuple(rule for at, rule in enumerate(exclude) if at not in used),
    )


def satisfies(value: str, condition: str) -> bool:
    """Whether a version, or a word such as ``cpu``, meets a specifier.

    Versions are compared as releases, so that suffixes do not decide. A bare version means that
    version and everything below it: ``2.6`` holds for ``2.6.1``.

    Raises:
        packaging.specifiers.InvalidSpecifier: The condition is neither a word nor a specifier.
    """
    if value in _WORDS or condition in _WORDS:
        return value == condition
    text = f"=={condition}.*" if condition[:1].isdigit() else condition
    release = ".".join(str(part) for part in release_of(value))
    return SpecifierSet(text).contains(release, prereleases=True)


def with_derived_id(cell: Cell) -> Cell:
    """The cell with the id that its contents give."""
    return replace(cell, id=derive_id(cell))
