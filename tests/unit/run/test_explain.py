"""Every load gets what was said of it beforehand, and every bad one why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.run import explain
from ckptmatrix.wire import Limits
from ckptmatrix.words import Mode, OpenedAs, Reason, Verdict
from fakes import Behaviour, FakeProvider
from scenario import a_case, some_cells

if TYPE_CHECKING:
    import pytest

    from scenario import Scenario

PREDICTED = {Verdict.OK, Verdict.CHANGED, Verdict.FAILED}


def test_a_load_with_an_answer_has_a_prediction_and_a_bad_one_a_diagnosis(
    scenario: Scenario,
) -> None:
    cells = some_cells(2)
    broken = Behaviour(raises={"two": "RuntimeError: it does not fit"})
    ran = scenario.run(cells, provider=FakeProvider({cells[1].id: broken}))
    for outcome in ran.finished.record.outcomes:
        verdict = outcome.judgement.verdict
        assert (outcome.prediction is not None) is (verdict in PREDICTED)
        assert (outcome.diagnosis is not None) is (verdict is Verdict.FAILED)


def test_a_prediction_comes_from_the_file_alone(scenario: Scenario) -> None:
    """The made-up cells load what is no checkpoint: its prediction is that nobody can."""
    ran = scenario.run(some_cells(1))
    predictions = [outcome.prediction for outcome in ran.finished.record.outcomes]
    assert {each.reason for each in predictions if each} == {Reason.NOT_A_CHECKPOINT}
    assert all("a file of JSON" in each.why for each in predictions if each)


def test_what_was_not_measured_has_no_prediction(scenario: Scenario) -> None:
    cells = some_cells(2)
    silent = Behaviour(dies_at="one")
    ran = scenario.run(cells, [a_case("one")], provider=FakeProvider({cells[1].id: silent}))
    unmeasured = [
        outcome
        for outcome in ran.finished.record.outcomes
        if outcome.judgement.verdict not in PREDICTED
    ]
    assert unmeasured
    assert all(outcome.prediction is None for outcome in unmeasured)


def test_each_mode_has_its_own(scenario: Scenario) -> None:
    case = a_case("one", modes=(Mode.TRUSTED, Mode.MMAP))
    ran = scenario.run(some_cells(1), [case])
    said = {o.mode: o.prediction.reason for o in ran.finished.record.outcomes if o.prediction}
    assert said == {
        Mode.TRUSTED: Reason.NOT_A_CHECKPOINT,
        Mode.MMAP: Reason.FORMAT_UNSUPPORTED,
    }


def test_conditions_of_the_case_and_of_the_run_are_told(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: set[Loading] = set()

    def predict(_reading: object, _facts: object, loading: Loading) -> Prediction:
        told.add(loading)
        return Prediction()

    monkeypatch.setattr(explain, "predict", predict)
    limit = Limits().memory_bytes
    cases = [
        a_case("one", memory_bytes=5_000, modes=(Mode.PLAIN,)),
        a_case("two", memory_bytes=2 * limit, modes=(Mode.TRUSTED,)),
        a_case("three", opened_as=OpenedAs.FILE, modes=(Mode.MMAP,)),
    ]
    scenario.run(some_cells(1), cases)
    assert told == {
        Loading(mode=Mode.PLAIN, memory_bytes=5_000),
        Loading(mode=Mode.TRUSTED, memory_bytes=limit),
        Loading(mode=Mode.MMAP, memory_bytes=limit, opened_as=OpenedAs.FILE),
    }
