"""Numbers as observations write them, and how far apart they are."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXACT", "Distance", "Tolerance", "close", "distance", "gap", "number", "numbers"]

#: Of a complex number.
_COMPONENTS = 2


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far apart two numbers may be: ``atol + rtol * (the larger magnitude)``."""

    rtol: float = 0.0
    atol: float = 0.0


EXACT = Tolerance()


class Distance(NamedTuple):
    """The largest difference between two lists of numbers, and the largest relative one."""

    absolute: float
    relative: float

    def __str__(self) -> str:
        return f"largest difference {self.absolute:.3g}, relative {self.relative:.3g}"


def gap(before: object, after: object) -> Distance | None:
    """How far apart two lists of numbers are, as observations write them.

    Returns:
        None where it says nothing: no lists, no numbers, other lengths, nothing finite.
    """
    olds, news = numbers(before), numbers(after)
    return None if olds is None or news is None else distance(olds, news)


def number(value: object) -> float | complex | None:
    """A number as an observation writes it.

    Args:
        value: A JSON number or boolean; ``"nan"``, ``"inf"``, ``"-inf"`` or a long integer as a
            string; ``[real, imaginary]`` for a complex number.

    Returns:
        The number as a float or complex, None for anything else. Integers beyond 2^53 are rounded.
    """
    if isinstance(value, list):
        if len(value) != _COMPONENTS:
            return None
        parts = [None if isinstance(part, list) else number(part) for part in value]
        real, imaginary = parts
        if not isinstance(real, float) or not isinstance(imaginary, float):
            return None
        return complex(real, imaginary)
    if not isinstance(value, bool | int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def numbers(values: object) -> list[float | complex] | None:
    """A list of numbers, or None when it is anything else."""
    if not isinstance(values, list):
        return None
    read = [number(value) for value in values]
    found = [value for value in read if value is not None]
    return found if len(found) == len(read) else None


def close(before: complex, after: complex, tolerance: Tolerance) -> bool:
    """Whether two numbers are as good as equal; NaN equals NaN. Symmetric."""
    if before == after:
        return True
    if cmath.isfinite(before) and cmath.isfinite(after):
        allowed = tolerance.atol + tolerance.rtol * max(_size(before), _size(after))
        return _size(before - after) <= allowed
    pairs = ((before.real, after.real), (before.imag, after.imag))
    return all(old == new or (math.isnan(old) and math.isnan(new)) for old, new in pairs)


def _size(value: complex) -> float:
    """The magnitude; infinite where ``abs`` of a complex number would overflow."""
    return math.hypot(value.real, value.imag)


def distance(
    before: Sequence[float | complex], after: Sequence[float | complex]
) -> Distance | None:
    """The largest difference between numbers at the same place.

    Args:
        before: Numbers.
        after: As many numbers.

    Returns:
        None where it says nothing: other lengths, or no pair of finite numbers.
    """
    sizes = (
        (_size(one - other), max(_size(one), _size(other)))
        for one, other in zip(before, after, strict=False)
    )
    pairs = [(gap, size) for gap, size in sizes if math.isfinite(gap) and math.isfinite(size)]
    if len(before) != len(after) or not pairs:
        return None
    return Distance(
        absolute=max(gap for gap, _ in pairs),
        relative=max(gap / size if size else 0.0 for gap, size in pairs),
    )
