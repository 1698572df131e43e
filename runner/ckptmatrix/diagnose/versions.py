"""Ranges of versions as data, compared on release numbers alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.matrix.cell import release_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Range", "compared", "parse_range"]

_BOUND = re.compile(r"(<=|>=|==|<|>)\s{0,5}(\d+(?:\.\d+){0,5})")
_TESTS: dict[str, Callable[[int, int], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq}


class _Bound(NamedTuple):
    operator: str
    release: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Range:
    """Releases between bounds, all of which must hold.

    Attributes:
        text: As it was written: ``>=1.8,<2.6``.
        bounds: Operator and release.
    """

    text: str
    bounds: tuple[_Bound, ...]

    def __contains__(self, version: str | None) -> bool:
        """Whether a version is in it; an unknown one never is.

        Debian's torch calls itself ``1.13.0a0``: only the release counts, and it is in ``>=1.13``.
        """
        if not version or not release_of(version):
            return False
        return all(
            _TESTS[bound.operator](compared(version, bound.release), 0) for bound in self.bounds
        )


def parse_range(text: str) -> Range:
    """A range from ``>=1.8,<2.6``.

    Raises:
        ValueError: It is not one.
    """
    bounds = []
    for part in text.split(","):
        match = _BOUND.fullmatch(part.strip())
        if match is None:
            msg = f"not a range of versions: {text!r}"
            raise ValueError(msg)
        bounds.append(_Bound(match[1], release_of(match[2])))
    return Range(text=text, bounds=tuple(bounds))


def compared(version: str, other: str | tuple[int, ...]) -> int:
    """-1, 0 or 1: whether a version's release is before, the same as or after another's."""
    release = release_of(other) if isinstance(other, str) else other
    for ours, theirs in zip_longest(release_of(version), release, fillvalue=0):
        if ours != theirs:
            return 1 if ours > theirs else -1
    return 0
