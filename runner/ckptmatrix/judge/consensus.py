"""Cells compared with each other, where nobody here saved the file. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptmatrix.judge.compare import compare
from ckptmatrix.judge.observation import MalformedObservationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckptmatrix.words import Mode

__all__ = ["Consensus", "Group", "Sight", "agree"]


class Sight(NamedTuple):
    """What one cell saw in one mode.

    Attributes:
        cell: The cell's id.
        release: Release of its torch, for ties: ``(2, 6, 0)``.
        mode: How it was loaded.
        observation: Digest of what was seen.
    """

    cell: str
    release: tuple[int, ...]
    mode: Mode
    observation: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """Loads that saw the same.

    Attributes:
        observation: Digest of one of the observations, which stands for all.
        cells: Ids of the cells, each once, in the order given.
        sights: All of them.
    """

    observation: str
    cells: tuple[str, ...]
    sights: tuple[Sight, ...]


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """What most cells agree on.

    Attributes:
        groups: The largest first; empty when nothing was loaded.
    """

    groups: tuple[Group, ...] = ()

    @property
    def reference(self) -> str | None:
        """Digest of the observation that the others are compared with."""
        return self.groups[0].observation if self.groups else None


def agree(sights: Iterable[Sight], observations: Mapping[str, Mapping[str, Any]]) -> Consensus:
    """Group what was seen, and find what most cells saw.

    The largest group is the one of most cells, in whatever mode; of groups of equal size, the one
    with the newest torch, then the one given first. There is one reference for all modes, so that
    a mode that shows something else than the others is seen as well.

    Args:
        sights: Loads that returned.
        observations: By digest; one that is missing agrees with itself only.
    """
    by_digest: dict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        by_digest[sight.observation].append(sight)
    merged: list[list[Sight]] = []
    for digest, same in by_digest.items():
        for group in merged:
            if _equal(observations.get(group[0].observation), observations.get(digest)):
                group.extend(same)
                break
        else:
            merged.append(list(same))
    groups = [
        Group(
            observation=_newest(group).observation,
            cells=tuple(dict.fromkeys(sight.cell for sight in group)),
            sights=tuple(group),
        )
        for group in merged
    ]
    ranked = sorted(groups, key=lambda group: (-len(group.cells), _falling(_newest(group.sights))))
    return Consensus(groups=tuple(ranked))


def _equal(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if one is None or other is None:
        return False
    try:
        return compare(one, other) == ()
    except MalformedObservationError:
        return False


def _newest(group: Iterable[Sight]) -> Sight:
    return max(group, key=lambda sight: sight.release)


def _falling(sight: Sight) -> tuple[int, ...]:
    """A key that sorts newer releases first; a missing part counts as nought."""
    width = 6
    return tuple(-part for part in (*sight.release, *(0,) * width)[:width])
