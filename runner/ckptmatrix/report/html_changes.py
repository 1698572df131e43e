"""What changed since the baseline, as the page's template takes it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.diff.summary import headline, title
from ckptmatrix.report.text import plain

if TYPE_CHECKING:
    from ckptmatrix.report.diff.compare import Diff
    from ckptmatrix.report.diff.groups import ChangeGroup

__all__ = ["changes"]

_MOST = 40
#: Of what was known before.
_MOST_STILL = 10
_MOST_MOVED = 30
_MESSAGE = 240


def changes(diff: Diff) -> dict[str, Any]:
    """``headline``, ``parts`` (one a kind of change), ``environments`` (what moved where)."""
    every = groups(diff)
    return {
        "headline": plain(headline(diff, every), 1_000),
        "parts": [_part(change, list(members)) for change, members in groupby(every, _change)],
        "environments": [
            {
                "cell": cell,
                "moved": [plain(each.sentence, 200) for each in found[:_MOST_MOVED]],
                "more": max(0, len(found) - _MOST_MOVED),
            }
            for cell, found in _by_cell(diff).items()
        ],
    }


def _change(group: ChangeGroup) -> Change:
    return group.change


def _part(change: Change, members: list[ChangeGroup]) -> dict[str, Any]:
    most = _MOST_STILL if change is Change.STILL else _MOST
    return {
        "title": title(change),
        "meaning": change.meaning,
        # Only what is new stands open.
        "open": change not in {Change.STILL, Change.NEW_CELL},
        "count": f"{sum(group.loads for group in members):,}",
        "groups": [
            {
                "verdict": group.verdict,
                "sentence": plain(group.sentence, 900),
                "example": plain(group.example, _MESSAGE),
                "cause": plain(group.cause, 600),
            }
            for group in members[:most]
        ],
        "more": max(0, len(members) - most),
    }


def _by_cell(diff: Diff) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in diff.environments:
        found.setdefault(each.cell, []).append(each)
    return found
