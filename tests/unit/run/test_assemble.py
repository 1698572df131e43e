from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.errors import CellError
from ckptmatrix.plan import Load, Plan, Save, plan_matrix
from ckptmatrix.record import CellRecord
from ckptmatrix.run.assemble import Assembled, assemble
from ckptmatrix.run.phases import Seen
from ckptmatrix.wire import Checkpoint, CheckpointFile, Done, Facts, WarningRecord
from ckptmatrix.words import Reason, Result, Stage, Verdict
from fakes import Behaviour, FakeProvider, facts_of
from scenario import TRUNCATED, a_case, some_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenario import Scenario

DIGEST = "a" * 64
OBSERVED = {DIGEST: {"version": 1, "leaves": [], "aliases": []}}
CELLS = some_cells(2)
CASES = [a_case("one"), a_case("file_truncated")]
PLAN = plan_matrix("m", CELLS, CASES)
READY = {
    cell.id: CellRecord(id=cell.id, declared=cell.id, facts=Facts(**facts_of(cell)))
    for cell in CELLS
}


def done(**changes: Any) -> Done:
    fields: dict[str, Any] = {
        "event": "done",
        "task": "t0",
        "attempt": 1,
        "isolation": "alone",
        "result": Result.RETURNED,
        "stage": Stage.OBSERVE,
        "observation": DIGEST,
        "seconds": 0.5,
    }
    return Done(**(fields | changes))


def saved_one(**changes: Any) -> Done:
    file = CheckpointFile(path=".", bytes=3, sha256=DIGEST)
    return done(checkpoint=Checkpoint(sha256=DIGEST, bytes=3, files=(file,)), **changes)


def observed(digests: Iterable[str]) -> dict[str, Any]:
    return {name: OBSERVED[name] for name in digests}


def put_together(
    saved: Seen[Save] | None = None,
    loaded: Seen[Load] | None = None,
    cells: dict[str, CellRecord] | None = None,
    plan: Plan = PLAN,
    fetch: Callable[[Iterable[str]], dict[str, Any]] = observed,
) -> Assembled:
    return assemble(
        plan,
        READY if cells is None else cells,
        Seen() if saved is None else saved,
        Seen() if loaded is None else loaded,
        fetch,
        readings={},
    )


def test_a_run_that_saw_nothing_still_says_something_of_every_load() -> None:
    result = put_together(cells={})
    assert len(result.outcomes) == len(list(PLAN.loads()))
    assert {o.judgement.reason for o in result.outcomes} == {Reason.DID_NOT_RUN}
    assert {cell.reason for cell in result.cells} == {Reason.DID_NOT_RUN}
    assert result.unanswered == len(list(PLAN.saves())) + len(list(PLAN.loads()))


@given(st.data())
def test_whatever_was_answered_the_rest_is_counted(data: st.DataObject) -> None:
    saves = data.draw(st.sets(st.sampled_from(list(PLAN.saves()))))
    possible = [load for load in PLAN.loads() if load.source in saves]
    loads = data.draw(st.sets(st.sampled_from(possible))) if possible else set()
    result = put_together(
        Seen(attempts=dict.fromkeys(saves, (saved_one(),))),
        Seen(attempts=dict.fromkeys(loads, (done(),))),
    )
    everything = len(result.saves) + len(result.outcomes)
    assert everything == len(list(PLAN.saves())) + len(list(PLAN.loads()))
    assert result.unanswered == everything - len(saves) - len(loads)
    answered = [o for o in result.outcomes if o.judgement.reason is not Reason.DID_NOT_RUN]
    assert len(answered) == len(loads)


def test_what_is_known_of_an_attempt_is_in_its_outcome() -> None:
    load = next(iter(PLAN.loads()))
    warned = WarningRecord(category="FutureWarning", message="soon")
    attempts = (
        done(result=Result.TIMEOUT, observation=None),
        done(attempt=2, warnings=(warned, warned), peak_rss_bytes=7, seconds=1.5),
    )
    result = put_together(
        Seen(attempts={load.source: (saved_one(),)}),
        Seen(attempts={load: attempts}, reused={load}),
    )
    outcome = result.outcomes[0]
    assert outcome.judgement.verdict is Verdict.OK
    assert outcome.judgement.flaky
    assert outcome.warnings == ("FutureWarning: soon",)
    assert (outcome.attempts, outcome.peak_rss_bytes, outcome.seconds) == (2, 7, 1.5)
    assert (outcome.checkpoint, outcome.cached) == (DIGEST, True)


def test_an_error_of_ours_is_never_incompatible() -> None:
    load = next(iter(PLAN.loads()))
    lost = CellError(Reason.CELL_LOST, "the cell program is gone")
    result = put_together(Seen(attempts={load.source: (saved_one(),)}), Seen(errors={load: lost}))
    judgement = result.outcomes[0].judgement
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, Reason.CELL_LOST)
    assert judgement.message == "the cell program is gone"
    assert not judgement.as_expected


@pytest.mark.parametrize(
    ("error", "consumer"),
    [(Reason.INSTALL_FAILED, CELLS[0].id), (Reason.NO_WHEEL, CELLS[1].id)],
)
def test_the_consumer_is_asked_first(error: Reason, consumer: str) -> None:
    records = {
        cell.id: CellRecord(
            id=cell.id, declared=cell.id, verdict=Verdict.ERROR, reason=reason, message=reason
        )
        for cell, reason in zip(CELLS, (Reason.INSTALL_FAILED, Reason.NO_WHEEL), strict=True)
    }
    result = put_together(cells=records)
    reasons = {o.judgement.reason for o in result.outcomes if o.consumer == consumer}
    assert reasons == {error}


def test_a_cell_whose_controls_gave_no_answer_is_neither_trusted_nor_not() -> None:
    assert {cell.trusted for cell in put_together().cells} == {None}


CONTROLS = [a_case("state_dict"), a_case("file_truncated"), a_case("one")]


def test_cells_whose_controls_behave_are_trusted(scenario: Scenario) -> None:
    cells = some_cells(2)
    good = {cell.id: Behaviour(raises=TRUNCATED) for cell in cells}
    ran = scenario.run(cells, CONTROLS, provider=FakeProvider(good))
    assert [(cell.trusted, cell.distrust) for cell in ran.finished.record.cells] == [(True, "")] * 2


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Behaviour(), "its own file_truncated on cpu, mode plain, must be failed and was ok"),
        (
            Behaviour(raises={**TRUNCATED, "state_dict": "RuntimeError: no"}),
            "its own state_dict on cpu, mode plain, must be ok and was failed (load_error)",
        ),
    ],
)
def test_a_cell_whose_controls_misbehave_is_not_trusted_and_the_other_is(
    scenario: Scenario, behaviour: Behaviour, words: str
) -> None:
    bad, good = some_cells(2)
    provider = FakeProvider({bad.id: behaviour, good.id: Behaviour(raises=TRUNCATED)})
    ran = scenario.run([bad, good], CONTROLS, provider=provider)
    assert (ran.cell(bad).trusted, ran.cell(bad).distrust) == (False, words)
    assert ran.cell(good).trusted
    assert ran.words(case="one") == {("ok", None)}


@pytest.mark.parametrize("control", ["state_dict", "file_truncated"])
def test_a_cell_that_cannot_save_its_own_control_is_not_trusted(
    scenario: Scenario, control: str
) -> None:
    bad, good = some_cells(2)
    behaviour = Behaviour(raises=TRUNCATED, save_raises={control: "RuntimeError: no"})
    provider = FakeProvider({bad.id: behaviour, good.id: Behaviour(raises=TRUNCATED)})
    ran = scenario.run([bad, good], CONTROLS, provider=provider)
    assert ran.cell(bad).trusted is False
    assert f"its own {control} on cpu" in ran.cell(bad).distrust
    assert ran.cell(bad).distrust.endswith("was aborted (save_failed)")
    assert ran.cell(good).trusted is True


def test_a_cell_whose_program_dies_at_its_control_is_not_trusted(scenario: Scenario) -> None:
    cell = some_cells(1)[0]
    behaviour = Behaviour(raises=TRUNCATED, dies_at="state_dict")
    ran = scenario.run([cell], CONTROLS, provider=FakeProvider({cell.id: behaviour}))
    assert ran.cell(cell).trusted is False
    assert "its own state_dict" in ran.cell(cell).distrust


def test_one_control_of_two_is_not_enough(scenario: Scenario) -> None:
    cell = some_cells(1)[0]
    provider = FakeProvider({cell.id: Behaviour(raises=TRUNCATED)})
    ran = scenario.run([cell], [a_case("state_dict")], provider=provider)
    assert ran.cell(cell).trusted is None


def test_a_full_disk_is_no_reason_to_distrust_a_cell(scenario: Scenario) -> None:
    cell = some_cells(1)[0]
    full = {"state_dict": "OSError: [Errno 28] No space left on device"}
    provider = FakeProvider({cell.id: Behaviour(raises=TRUNCATED, save_raises=full)})
    ran = scenario.run([cell], CONTROLS, provider=provider)
    assert (ran.cell(cell).trusted, ran.cell(cell).distrust) == (None, "")


def test_a_load_whose_observation_cannot_be_read_any_more_did_not_run() -> None:
    load = next(iter(PLAN.loads()))
    result = assemble(
        PLAN,
        READY,
        Seen(attempts={load.source: (saved_one(),)}),
        Seen(attempts={load: (done(),)}),
        lambda _: {},
        readings={},
    )
    assert result.outcomes[0].judgement.reason is Reason.DID_NOT_RUN


def test_observations_that_are_known_are_not_read_again() -> None:
    load = next(iter(PLAN.loads()))
    result = put_together(
        Seen(attempts={load.source: (saved_one(),)}, observations=OBSERVED),
        Seen(attempts={load: (done(),)}),
        fetch=lambda digests: {name: {} for name in digests},
    )
    assert result.outcomes[0].judgement.verdict is Verdict.OK
