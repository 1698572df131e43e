"""A diff in one sentence, and what its parts are called."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.text import counted_noun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ckptmatrix.report.diff.compare import Diff
    from ckptmatrix.report.diff.groups import ChangeGroup

__all__ = ["headline", "title"]

_TITLES = {
    Change.NEW_FAILURE: "New failures",
    Change.CHANGED_REASON: "Failing otherwise than before",
    Change.LOST: "Lost: had an answer, has none now",
    Change.FLAKY: "Flaky",
    Change.STILL: "Still not as expected",
    Change.FIRST_SEEN: "Failing, and the baseline does not say how it was",
    Change.NEW_CELL: "New cells",
    Change.FIXED: "Fixed",
}


def title(change: Change) -> str:
    """What a part of the report about these is called."""
    return _TITLES[change]


def headline(diff: Diff, groups: Sequence[ChangeGroup]) -> str:
    """What changed since the baseline, in one sentence."""
    base = diff.base
    counts = diff.counts()
    new = counts.get(Change.NEW_FAILURE, 0)
    parts = [counted_noun(new, "new failure") if new else "nothing newly fails"]
    if silent := sum(g.loads for g in groups if g.change is Change.NEW_FAILURE and g.silent):
        parts[0] += f", {silent:,} of them silent"
    saves = Counter(diff.saves["change"])
    if failing := saves[Change.NEW_FAILURE]:
        parts.append(f"{counted_noun(failing, 'save')} newly failing")
    words = {
        Change.CHANGED_REASON: "failing otherwise",
        Change.LOST: "lost",
        Change.FLAKY: "flaky",
        Change.FIRST_SEEN: "failing that the baseline does not know",
        Change.FIXED: "fixed",
        Change.STILL: "still failing",
    }
    parts += [f"{counts[each]:,} {word}" for each, word in words.items() if counts.get(each)]
    bad = (diff.loads["change"] == Change.NEW_CELL) & (diff.loads["as_expected"] == False)  # noqa: E712 - may be missing
    if failing := int(bad.sum()):
        parts.append(f"{failing:,} failing with new cells")
    if moved := len({each.cell for each in diff.environments}):
        parts.append(f"{counted_noun(moved, 'environment')} moved")
    return f"Since run {base.id} ({_age(diff.head.started - base.started)}): {'; '.join(parts)}."


def _age(delta: timedelta) -> str:
    minutes = int(abs(delta.total_seconds()) // 60)
    hours = minutes // 60
    if hours >= 2 * 24:
        age = counted_noun(hours // 24, "day")
    else:
        age = counted_noun(hours, "hour") if hours else counted_noun(minutes, "minute")
    return f"{age} {'earlier' if delta.total_seconds() >= 0 else 'later'}"
