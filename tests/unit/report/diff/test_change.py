from __future__ import annotations

from itertools import product

import pytest

from ckptmatrix.report.diff.change import Answer, Change, answer, change
from ckptmatrix.words import Reason, Verdict

GOOD, BAD, NOTHING, UNKNOWN, ABSENT = Answer


def became(was: Answer, now: Answer, **how: bool) -> Change:
    return change(was, now, **({"same_way": True, "known_cells": True, "flaky": False} | how))


@pytest.mark.parametrize(
    ("verdict", "reason", "as_expected", "said"),
    [
        (Verdict.OK, None, True, GOOD),
        (Verdict.FAILED, Reason.FILE_CORRUPT, True, GOOD),
        (Verdict.FAILED, Reason.MISSING_GLOBAL, False, BAD),
        (Verdict.CHANGED, Reason.VALUES_DIFFER, False, BAD),
        # A mistake that goes unnoticed.
        (Verdict.OK, None, False, BAD),
        (Verdict.UNSUPPORTED, Reason.MODE_MISSING, True, NOTHING),
        (Verdict.ABORTED, Reason.PRODUCER_UNSUPPORTED, True, NOTHING),
        # The case is about a save that fails.
        (Verdict.ABORTED, Reason.SAVE_FAILED, True, NOTHING),
        (Verdict.ABORTED, Reason.SAVE_FAILED, False, UNKNOWN),
        (Verdict.ABORTED, Reason.PRODUCER_ERROR, False, UNKNOWN),
        (Verdict.ERROR, Reason.DID_NOT_RUN, False, UNKNOWN),
    ],
)
def test_what_an_outcome_says(
    verdict: Verdict,
    reason: Reason | None,
    as_expected: bool,  # noqa: FBT001 - a table of cases
    said: Answer,
) -> None:
    assert answer(verdict.value, reason and reason.value, as_expected=as_expected) is said


@pytest.mark.parametrize(
    ("was", "now", "found"),
    [
        (GOOD, BAD, Change.NEW_FAILURE),
        (NOTHING, BAD, Change.NEW_FAILURE),
        (BAD, GOOD, Change.FIXED),
        (BAD, BAD, Change.STILL),
        (GOOD, GOOD, Change.SAME),
        (ABSENT, GOOD, Change.SAME),
        (ABSENT, BAD, Change.FIRST_SEEN),
    ],
)
def test_what_became_of_a_load(was: Answer, now: Answer, found: Change) -> None:
    assert became(was, now) is found


@pytest.mark.parametrize("other", [GOOD, BAD])
def test_an_error_of_ours_is_neither_a_failure_nor_a_fix(other: Answer) -> None:
    assert became(other, UNKNOWN) is Change.LOST
    assert became(UNKNOWN, other) in {Change.SAME, Change.FIRST_SEEN}


@pytest.mark.parametrize("was", [GOOD, BAD])
@pytest.mark.parametrize("now", [NOTHING, UNKNOWN, ABSENT])
def test_an_answer_that_is_gone_is_lost(was: Answer, now: Answer) -> None:
    assert became(was, now) is Change.LOST


def test_another_reason_is_a_change_of_its_own() -> None:
    assert became(BAD, BAD, same_way=False) is Change.CHANGED_REASON
    assert became(GOOD, BAD, same_way=False) is Change.NEW_FAILURE


@pytest.mark.parametrize(("was", "now"), list(product(Answer, Answer)))
def test_only_what_goes_well_in_the_end_is_called_flaky(was: Answer, now: Answer) -> None:
    expected = Change.FLAKY if now is GOOD else became(was, now)
    assert became(was, now, flaky=True) is expected


@pytest.mark.parametrize("now", list(Answer))
def test_a_load_of_a_new_cell_is_not_held_against_anything(now: Answer) -> None:
    expected = Change.NEW_CELL if now in {GOOD, BAD} else Change.SAME
    assert became(ABSENT, now, known_cells=False) is expected


def test_every_change_has_a_meaning() -> None:
    assert len({each.meaning for each in Change}) == len(Change)
