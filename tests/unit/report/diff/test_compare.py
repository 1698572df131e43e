from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import UsageError
from ckptmatrix.record import CellRecord
from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.squares import counted
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import CELLS

if TYPE_CHECKING:
    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord
    from diff_runs import Compared

OLD, MID, NEW = CELLS
BAD = {
    "verdict": Verdict.FAILED,
    "reason": Reason.MISSING_GLOBAL,
    "as_expected": False,
    "message": "No module named 'pathlib._local'",
    "entity": "pathlib._local",
}


def plain_to_new(outcome: Outcome) -> bool:
    """One load that is good."""
    return (outcome.producer, outcome.consumer, outcome.case, outcome.mode) == (
        OLD,
        NEW,
        "tensor_plain",
        "plain",
    )


def numpy(outcome: Outcome) -> bool:
    """Loads that are bad."""
    return outcome.case == "numpy_scalar" and not outcome.judgement.as_expected


def test_a_run_compared_with_itself_has_no_news(compared: Compared, base: RunRecord) -> None:
    diff = compared(base, base)
    assert set(diff.counts()) == {Change.SAME, Change.STILL}
    assert sum(diff.counts().values()) == len(counted(base.outcomes)) == len(diff.loads)
    assert diff.environments == ()
    assert set(diff.saves["change"]) == {Change.SAME}


def test_what_newly_fails_and_what_is_fixed(compared: Compared, base: RunRecord) -> None:
    fixed = {"verdict": Verdict.OK, "reason": None, "as_expected": True, "message": ""}
    head = edited(base, (plain_to_new, BAD), (numpy, fixed))
    diff = compared(base, head)
    new = diff.loads[diff.loads["change"] == Change.NEW_FAILURE]
    assert len(new) == 1
    assert new.iloc[0][["case", "was_verdict", "verdict", "reason", "entity"]].tolist() == [
        "tensor_plain",
        "ok",
        "failed",
        "missing_global",
        "pathlib._local",
    ]
    assert diff.counts()[Change.FIXED] == sum(map(numpy, base.outcomes))
    back = compared(head, base)
    assert back.counts()[Change.FIXED] == 1
    assert back.counts()[Change.NEW_FAILURE] == diff.counts()[Change.FIXED]


def test_another_reason_for_the_same_load(compared: Compared, base: RunRecord) -> None:
    head = edited(base, (numpy, {"reason": Reason.WEIGHTS_ONLY_REFUSED}))
    assert compared(base, head).counts()[Change.CHANGED_REASON] == sum(map(numpy, base.outcomes))


def test_an_error_and_an_absent_load_are_lost(compared: Compared, base: RunRecord) -> None:
    error = {"verdict": Verdict.ERROR, "reason": Reason.CELL_LOST, "as_expected": False}
    for change in (error, None):
        head = edited(base, (plain_to_new, change))
        assert compared(base, head).counts()[Change.LOST] == 1
        assert Change.FIXED not in compared(head, base).counts()


def test_a_removed_cell_is_lost_and_a_new_one_is_new(compared: Compared, base: RunRecord) -> None:
    fewer = replace(
        base,
        cells=tuple(cell for cell in base.cells if cell.id != NEW),
        saves=tuple(save for save in base.saves if save.producer != NEW),
        outcomes=tuple(o for o in base.outcomes if NEW not in (o.producer, o.consumer)),
    )
    gone, come = compared(base, fewer), compared(fewer, base)
    assert set(gone.counts()) == {Change.LOST, Change.STILL, Change.SAME}
    assert gone.counts()[Change.LOST] == come.counts()[Change.NEW_CELL]
    assert set(come.counts()) == {Change.NEW_CELL, Change.STILL, Change.SAME}
    assert set(come.saves["change"]) == {Change.NEW_CELL, Change.SAME}


def test_what_is_flaky_and_good_is_flaky_and_what_is_bad_is_a_failure(
    compared: Compared, base: RunRecord
) -> None:
    good = edited(base, (plain_to_new, {"flaky": True}))
    assert compared(base, good).counts()[Change.FLAKY] == 1
    assert Change.FLAKY not in compared(good, good).counts()
    bad = edited(base, (plain_to_new, BAD | {"flaky": True}))
    assert compared(base, bad).counts()[Change.NEW_FAILURE] == 1
    assert compared(good, bad).counts()[Change.NEW_FAILURE] == 1


def mistake(outcome: Outcome) -> bool:
    """A mistake that all cells notice."""
    return outcome.case == "wrong_layers" and outcome.mode == "plain"


def test_a_mistake_that_newly_goes_unnoticed_is_a_new_failure(
    compared: Compared, base: RunRecord
) -> None:
    def unnoticed(outcome: Outcome) -> bool:
        return mistake(outcome) and outcome.consumer == NEW

    loads = {"verdict": Verdict.OK, "reason": None, "as_expected": False}
    head = edited(base, (unnoticed, loads))
    assert compared(base, head).counts()[Change.NEW_FAILURE] == 3
    assert Change.LOST not in compared(head, base).counts()
    assert compared(head, base).counts()[Change.FIXED] == 3


def test_what_a_run_was_not_asked_for_is_not_lost(compared: Compared, base: RunRecord) -> None:
    some = replace(
        base,
        partial=True,
        cells=base.cells[:2],
        cases={name: base.cases[name] for name in ("tensor_plain", "numpy_scalar")},
        saves=tuple(
            save
            for save in base.saves
            if save.producer != NEW and save.case in {"tensor_plain", "numpy_scalar"}
        ),
        outcomes=tuple(
            o
            for o in base.outcomes
            if NEW not in (o.producer, o.consumer) and o.case in {"tensor_plain", "numpy_scalar"}
        ),
    )
    diff = compared(base, some)
    assert set(diff.counts()) == {Change.SAME}
    assert set(diff.saves["change"]) == {Change.SAME}
    assert Change.LOST in compared(base, replace(some, partial=False)).counts()
    missing = edited(some, (lambda outcome: outcome.case == "tensor_plain", None))
    assert compared(base, missing).counts()[Change.LOST] == 8


@pytest.mark.parametrize("back", [False, True])
def test_the_order_is_that_of_the_later_run(
    compared: Compared,
    base: RunRecord,
    back: bool,  # noqa: FBT001 - a table of cases
) -> None:
    outcomes = base.outcomes[::-1] if back else base.outcomes
    diff = compared(base, replace(base, outcomes=outcomes))
    found = [tuple(row) for row in diff.loads[["producer", "consumer", "case", "mode"]].to_numpy()]
    assert found == [(o.producer, o.consumer, o.case, o.mode.value) for o in counted(outcomes)]


def test_a_save_that_fails_is_new_and_takes_its_loads_along(
    compared: Compared, base: RunRecord
) -> None:
    def of_save(outcome: Outcome) -> bool:
        return (outcome.producer, outcome.case) == (OLD, "tensor_plain")

    aborted = {"verdict": Verdict.ABORTED, "reason": Reason.SAVE_FAILED, "as_expected": False}
    head = edited(base, (of_save, aborted))
    saves = tuple(
        replace(save, verdict=Verdict.FAILED, reason=Reason.UNPICKLABLE)
        if (save.producer, save.case) == (OLD, "tensor_plain")
        else save
        for save in base.saves
    )
    diff = compared(base, replace(head, saves=saves))
    assert diff.saves["change"].value_counts()[Change.NEW_FAILURE] == 1
    assert diff.counts()[Change.LOST] == sum(map(of_save, base.outcomes))


def test_a_save_that_fails_as_its_case_expects_is_no_news(
    compared: Compared, base: RunRecord
) -> None:
    expected = {"verdict": Verdict.ABORTED, "reason": Reason.SAVE_FAILED, "as_expected": True}
    head = edited(base, (lambda outcome: outcome.case == "tensor_plain", expected))
    saves = tuple(
        replace(save, verdict=Verdict.FAILED, reason=Reason.UNPICKLABLE)
        if save.case == "tensor_plain"
        else save
        for save in base.saves
    )
    head = replace(head, saves=saves)
    assert set(compared(head, head).saves["change"]) == {Change.SAME}


def test_a_load_that_is_there_twice_is_damage(compared: Compared, base: RunRecord) -> None:
    twice = replace(base, outcomes=(*base.outcomes, base.outcomes[0]))
    with pytest.raises(UsageError, match=r"it has this twice: .* tensor_plain"):
        compared(base, twice)


def test_cells_that_moved_are_named(compared: Compared, base: RunRecord) -> None:
    first = base.cells[0]
    assert first.facts is not None
    moved = replace(
        first,
        facts=first.facts.model_copy(update={"numpy": "2.0.0"}),
        packages=("numpy==2.0.0", "six==1.17.0"),
        environment="b" * 64,
    )
    before = replace(first, packages=("numpy==1.24.0",), environment="a" * 64)
    runs = (replace(base, cells=(cell, *base.cells[1:])) for cell in (before, moved))
    found = compared(*runs).environments
    assert [(each.what, each.before, each.after) for each in found] == [
        ("NumPy", "1.24.0", "2.0.0"),
        ("digest", "a" * 12, "b" * 12),
        ("six", "", "1.17.0"),
    ]
    assert found[-1].sentence == "six — → 1.17.0"


def test_of_a_cell_without_facts_nothing_moved(compared: Compared, base: RunRecord) -> None:
    broken = CellRecord(id=OLD, declared=OLD, verdict=Verdict.ERROR, reason=Reason.INSTALL_FAILED)
    head = replace(base, cells=(broken, *base.cells[1:]))
    assert compared(base, head).environments == ()
