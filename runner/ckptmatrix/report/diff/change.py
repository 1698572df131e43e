"""The words for what became of a load between two runs, and the two answers they are told from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Change", "answer", "change"]


class Answer(StrEnum):
    """What a run says about one load, as far as two runs can be compared."""

    GOOD = "good"
    BAD = "bad"
    #: There is nothing to load: the producer cannot make it, or the consumer has no such loader.
    NOTHING = "nothing"
    #: The run has the load and learned nothing: an infrastructure error, or it did not come to it.
    UNKNOWN = "unknown"
    #: The run does not have the load.
    ABSENT = "absent"


class Change(StrEnum):
    """What became of one load, the most urgent first."""

    NEW_FAILURE = "new-failure"
    CHANGED_REASON = "changed-reason"
    LOST = "lost"
    FLAKY = "flaky"
    STILL = "still"
    FIRST_SEEN = "first-seen"
    NEW_CELL = "new-cell"
    FIXED = "fixed"
    SAME = "same"

    @property
    def meaning(self) -> str:
        """One sentence, as a legend has it."""
        return _MEANINGS[self]


_MEANINGS = {
    Change.NEW_FAILURE: "was as expected, or had nothing to load, and is not as expected now",
    Change.CHANGED_REASON: "is not as expected, and was so with another verdict or reason",
    Change.LOST: "had an answer and has none now: a cell, case or load that did not run",
    Change.FLAKY: "is as expected, and not in every attempt",
    Change.STILL: "is not as expected, with the verdict and reason it had before",
    Change.FIRST_SEEN: "is not as expected, and the baseline does not say how it was",
    Change.NEW_CELL: "is between cells of which the baseline lacks one",
    Change.FIXED: "was not as expected and is now",
    Change.SAME: "is as it was",
}


def answer(verdict: str, reason: str | None, *, as_expected: bool) -> Answer:
    """What one outcome says.

    A load that was given up for the sake of something else (``aborted``) says nothing, unless its
    producer cannot make the checkpoint or is expected to fail at it.

    Args:
        verdict: A :class:`ckptmatrix.words.Verdict`.
        reason: A :class:`ckptmatrix.words.Reason`, or None.
        as_expected: Whether it is what the case expects.
    """
    match Verdict(verdict):
        case Verdict.OK | Verdict.CHANGED | Verdict.FAILED:
            return Answer.GOOD if as_expected else Answer.BAD
        case Verdict.UNSUPPORTED:
            return Answer.NOTHING
        case Verdict.ABORTED if as_expected or reason == Reason.PRODUCER_UNSUPPORTED:
            return Answer.NOTHING
        case _:
            return Answer.UNKNOWN


_CHANGES: Mapping[tuple[Answer, Answer], Change] = {
    (Answer.GOOD, Answer.BAD): Change.NEW_FAILURE,
    (Answer.NOTHING, Answer.BAD): Change.NEW_FAILURE,
    (Answer.UNKNOWN, Answer.BAD): Change.FIRST_SEEN,
    (Answer.ABSENT, Answer.BAD): Change.FIRST_SEEN,
    (Answer.BAD, Answer.BAD): Change.STILL,
    (Answer.BAD, Answer.GOOD): Change.FIXED,
    **{
        (was, now): Change.LOST
        for was in (Answer.GOOD, Answer.BAD)
        for now in (Answer.NOTHING, Answer.UNKNOWN, Answer.ABSENT)
    },
}


def change(was: Answer, now: Answer, *, same_way: bool, known_cells: bool, flaky: bool) -> Change:
    """What became of a load.

    Args:
        was: What the baseline says.
        now: What the new run says.
        same_way: Whether verdict and reason are those of the baseline.
        known_cells: Whether the baseline has both cells.
        flaky: Whether the new run's own attempts newly differ. What goes well in the end is then
            called so; what does not is told as what it is.
    """
    if flaky and now is Answer.GOOD:
        return Change.FLAKY
    if not known_cells:
        return Change.NEW_CELL if now in {Answer.GOOD, Answer.BAD} else Change.SAME
    found = _CHANGES.get((was, now), Change.SAME)
    if found is Change.STILL and not same_way:
        return Change.CHANGED_REASON
    return found
