from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ckptmatrix.record import CellRecord, SaveRecord
from ckptmatrix.report.findings import find
from ckptmatrix.report.phrases import phrase
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

    Make = Callable[..., Outcome]


def sentences(run: RunRecord) -> list[str]:
    return [finding.sentence for finding in find(run)]


def test_what_changes_comes_before_what_fails_and_both_name_their_side(run: RunRecord) -> None:
    changed, failed = find(run)
    assert changed.sentence == (
        "loads but is different: tensor_conj: values differ"
        " — saved by py3.10-torch1.12.1-cpu (6 loads)"
    ).replace("saved by", "saved by")
    assert changed.verdict is Verdict.CHANGED
    assert failed.sentence == (
        "does not load: numpy_scalar: numpy._core does not exist"
        " — saved by py3.13-torch2.6.0-cpu,"
        " loaded in py3.8-torch1.7.1-cpu, py3.10-torch1.12.1-cpu (4 loads)"
    )
    assert failed.squares == 2
    assert failed.example == "No module named 'numpy._core'"


def test_nothing_to_say_when_all_is_as_expected(run: RunRecord) -> None:
    good = tuple(o for o in run.outcomes if o.judgement.as_expected)
    assert find(replace(run, outcomes=good)) == ()


def test_cells_that_could_not_be_measured_come_first_and_their_loads_are_not_repeated(
    run: RunRecord, make_outcome: Make
) -> None:
    def refused(name: str) -> CellRecord:
        return CellRecord(
            id=name,
            declared=name,
            verdict=Verdict.ERROR,
            reason=Reason.PYTHON_NOT_FOUND,
            message="install Python 3.7",
        )

    lost = make_outcome(
        consumer="x1", verdict=Verdict.ERROR, reason=Reason.PYTHON_NOT_FOUND, as_expected=False
    )
    doubted = replace(run.cells[0], trusted=False, distrust="a cut file loaded")
    cells = (doubted, *run.cells[1:], refused("x1"), refused("x2"))
    found = find(replace(run, cells=cells, outcomes=(*run.outcomes, lost)))
    assert found[0].headline == "could not be measured: x1, x2: install Python 3.7"
    assert found[1].headline == f"do not trust {doubted.id}: a cut file loaded"
    assert [finding.verdict for finding in found] == [
        Verdict.ERROR,
        Verdict.ERROR,
        Verdict.CHANGED,
        Verdict.FAILED,
    ]


def test_loads_that_were_lost_in_good_cells_are_told(run: RunRecord, make_outcome: Make) -> None:
    lost = [
        make_outcome(case=case, verdict=Verdict.ERROR, reason=Reason.DID_NOT_RUN, as_expected=False)
        for case in ("tensor_plain", "numpy_scalar")
    ]
    first = find(replace(run, outcomes=(*run.outcomes, *lost)))[0]
    assert first.headline == "could not be measured: tensor_plain, numpy_scalar: it did not run"
    assert first.loads == 2


def test_one_cause_in_several_cases_is_one_finding(run: RunRecord, make_outcome: Make) -> None:
    def failing(case: str, consumer: int, **changes: Any) -> Outcome:
        fields: dict[str, Any] = {
            "verdict": Verdict.FAILED,
            "reason": Reason.FORMAT_TOO_NEW,
            "as_expected": False,
            "entity": "3",
            "producer": run.cells[2].id,
        }
        return make_outcome(case=case, consumer=run.cells[consumer].id, **(fields | changes))

    def only(*outcomes: Outcome) -> RunRecord:
        good = [o for o in run.outcomes if o.judgement.as_expected]
        return replace(run, outcomes=(*good, *outcomes))

    (one,) = find(only(failing("tensor_conj", 0), failing("tensor_plain", 0)))
    assert one.cases == ("tensor_plain", "tensor_conj")
    assert one.loads == 2
    assert one.squares == 1
    other_entity = failing("tensor_conj", 0, entity="4")
    assert len(find(only(failing("tensor_plain", 0), other_entity))) == 2
    other_reason = failing("tensor_conj", 0, reason=Reason.CRASHED)
    assert len(find(only(failing("tensor_plain", 0), other_reason))) == 2


def test_places_are_folded(run: RunRecord, make_outcome: Make) -> None:
    ids = [cell.id for cell in run.cells]

    def where(pairs: set[tuple[str, str]], modes: tuple[Mode, ...]) -> str:
        outcomes = tuple(
            make_outcome(
                producer=producer,
                consumer=consumer,
                mode=mode,
                verdict=Verdict.FAILED if bad else Verdict.OK,
                reason=Reason.CRASHED if bad else None,
                as_expected=not bad,
            )
            for producer in ids
            for consumer in ids
            for mode in (Mode.PLAIN, Mode.TRUSTED)
            for bad in [(producer, consumer) in pairs and mode in modes]
        )
        (finding,) = find(replace(run, outcomes=outcomes))
        return finding.where

    both = (Mode.PLAIN, Mode.TRUSTED)
    everything = {(p, c) for p in ids for c in ids}
    old, mid, new = ids
    assert where(everything, both) == "everywhere"
    assert where(everything, (Mode.PLAIN,)) == "everywhere, mode plain"
    assert where({(p, old) for p in ids}, both) == f"loaded in {old}"
    assert where({(new, c) for c in ids}, both) == f"saved by {new}"
    assert where({(new, old)}, both) == f"saved by {new}, loaded in {old}"
    assert where({(new, old), (new, mid)}, both) == f"saved by {new}, loaded in {old}, {mid}"


def test_a_mistake_that_goes_unnoticed_somewhere_is_told(
    run: RunRecord, make_outcome: Make
) -> None:
    silent = make_outcome(
        case="wrong_layers", mode=Mode.PLAIN, verdict=Verdict.OK, as_expected=False
    )
    found = find(replace(run, outcomes=(*run.outcomes, silent)))
    told = [finding for finding in found if finding.cases == ("wrong_layers",)]
    assert [finding.verdict for finding in told] == [Verdict.CHANGED]
    assert told[0].headline.startswith("a mistake goes unnoticed: wrong_layers")


def test_unexpected_failures_to_save_are_told(run: RunRecord, make_outcome: Make) -> None:
    producer = run.cells[0].id
    save = SaveRecord(
        producer=producer,
        case="numpy_scalar",
        device="cpu",
        verdict=Verdict.FAILED,
        reason=Reason.SAVE_ERROR,
        message="cannot pickle",
    )

    def found(*, as_expected: bool) -> list[str]:
        aborted = make_outcome(
            producer=producer,
            case="numpy_scalar",
            verdict=Verdict.ABORTED,
            reason=Reason.SAVE_FAILED,
            as_expected=as_expected,
        )
        return sentences(replace(run, saves=(save,), outcomes=(aborted,)))

    assert found(as_expected=True) == []
    told = f"cannot be saved: numpy_scalar: saving raises an error — by {producer}"
    assert found(as_expected=False) == [told]


def test_flaky_loads_are_told(run: RunRecord, make_outcome: Make) -> None:
    flaky = make_outcome(flaky=True)
    (finding,) = find(replace(run, outcomes=(flaky,)))
    assert finding.headline == "does not answer the same when repeated: tensor_plain"
    assert finding.loads == 1


def test_every_reason_has_its_words() -> None:
    for reason in Reason:
        assert phrase(reason)
        assert "THING" in phrase(reason, "THING")
        assert "{" not in phrase(reason) + phrase(reason, "x")
    assert phrase(None) == "it loads as if nothing were wrong"


def test_hostile_entities_are_cut_and_braces_do_no_harm(run: RunRecord, make_outcome: Make) -> None:
    bad = make_outcome(
        verdict=Verdict.FAILED,
        reason=Reason.MISSING_GLOBAL,
        as_expected=False,
        entity="{0.__class__}\n\u202e" + "x" * 1_000_000,
    )
    (finding,) = find(replace(run, outcomes=(bad,)))
    assert "{0.__class__} \\u202ex" in finding.headline
    assert len(finding.headline) < 300


def test_a_save_that_could_not_be_measured_is_told_when_no_load_tells_it(
    run: RunRecord, make_outcome: Make
) -> None:
    lost = replace(
        run.saves[0],
        verdict=Verdict.ERROR,
        reason=Reason.CELL_LOST,
        message="the cell program ended with exit code 1",
    )
    told = (
        f"could not be saved: {lost.case}: the cell program ended with exit code 1"
        f" — by {lost.producer}"
    )
    assert told in sentences(replace(run, saves=(lost,)))
    its_load = make_outcome(
        producer=lost.producer,
        case=lost.case,
        producer_device=lost.device,
        verdict=Verdict.ERROR,
        reason=Reason.HOST_FULL,
        as_expected=False,
    )
    outcomes = (*run.outcomes, its_load)
    assert told not in sentences(replace(run, saves=(lost,), outcomes=outcomes))


def test_flaky_saves_are_told(run: RunRecord) -> None:
    flaky = replace(run.saves[0], attempts=2, flaky=True)
    assert (
        f"was saved only when it was tried again: {flaky.case} — by {flaky.producer}"
        in sentences(replace(run, saves=(flaky,)))
    )
