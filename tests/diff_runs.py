"""Two runs that differ in a known way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ckptmatrix.report.diff.compare import Diff

if TYPE_CHECKING:
    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

__all__ = ["Compared", "Edit", "edited"]

#: Whether an outcome is meant, and what is another in its judgement; None for one that is left out.
Edit = tuple[Callable[["Outcome"], bool], dict[str, Any] | None]
Compared = Callable[..., Diff]


def edited(run: RunRecord, *edits: Edit) -> RunRecord:
    """The run with some outcomes judged otherwise."""
    outcomes = []
    for outcome in run.outcomes:
        now: Outcome | None = outcome
        for meant, changes in edits:
            if meant(outcome) and now is not None:
                judgement = None if changes is None else replace(now.judgement, **changes)
                now = None if judgement is None else replace(now, judgement=judgement)
        if now is not None:
            outcomes.append(now)
    return replace(run, outcomes=tuple(outcomes))
