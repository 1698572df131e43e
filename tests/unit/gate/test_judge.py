from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.gate.expectations import Expectation
from ckptmatrix.gate.judge import judge_run
from ckptmatrix.gate.policy import DEFAULT, Rule
from ckptmatrix.gate.sentences import sentences, to_json
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.frames import RunFrames
from ckptmatrix.report.squares import applies, counted
from ckptmatrix.words import Mode, Reason, Verdict
from diff_runs import edited
from example_run import CELLS, make_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.gate.judge import Gate
    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

    Held = Callable[..., Gate]

OLD, MID, NEW = CELLS
TODAY = date(2026, 6, 1)
LOUD = {
    "verdict": Verdict.FAILED,
    "reason": Reason.MISSING_GLOBAL,
    "as_expected": False,
    "entity": "pathlib._local",
}
SILENT = {"verdict": Verdict.CHANGED, "reason": Reason.DTYPE_CHANGED, "as_expected": False}


def plain(outcome: Outcome) -> bool:
    return outcome.case == "tensor_plain" and outcome.consumer == NEW


def expectation(**fields: Any) -> Expectation:
    known: dict[str, Any] = {
        "line": 3,
        "case": "tensor_plain",
        "verdict": Verdict.FAILED,
        "why": "known",
        "expires": date(2026, 12, 31),
    }
    return Expectation(**(known | fields))


@pytest.fixture
def held(tmp_path: Path) -> Held:
    """Holds a run against another."""

    def hold(base: RunRecord, head: RunRecord, *expected: Expectation, **how: Any) -> Gate:
        for name, run in (("base", base), ("head", head)):
            write_run(tmp_path / name, run)
        runs = [RunFrames.open(tmp_path / name) for name in ("base", "head")]
        rules = how.get("rules", DEFAULT)
        return judge_run(*runs, rules=rules, expectations=expected, today=TODAY)

    return hold


def broken(gate: Gate) -> dict[Rule, int]:
    return {breach.rule: breach.count for breach in gate.breaches}


def test_a_run_like_its_baseline_passes(held: Held) -> None:
    gate = held(make_run(), make_run())
    assert gate.passes
    assert sentences(gate)[1:] == [f"passes: {', '.join(DEFAULT)}"]
    assert sentences(gate)[0].endswith("against nothing: it is its own baseline")


def test_a_new_failure_does_not(held: Held) -> None:
    gate = held(make_run(), edited(make_run(), (plain, LOUD)))
    assert broken(gate) == {Rule.NEW_FAILURE: 6}
    assert "pathlib._local does not exist" in gate.breaches[0].sentences[0]
    assert sentences(gate)[-1].startswith("does not pass")
    fixed = held(edited(make_run(), (plain, LOUD)), make_run())
    assert fixed.passes


def test_a_silent_change_breaks_a_rule_of_its_own(held: Held) -> None:
    silent = edited(make_run(), (plain, SILENT))
    assert broken(held(make_run(), silent)) == {Rule.NEW_FAILURE: 6, Rule.SILENT: 6}
    louder = edited(make_run(), (plain, LOUD))
    assert broken(held(louder, silent)) == {Rule.SILENT: 6}
    assert held(silent, silent).passes


def test_lost_coverage_and_errors(held: Held) -> None:
    error = {"verdict": Verdict.ERROR, "reason": Reason.CELL_LOST, "as_expected": False}
    gate = held(make_run(), edited(make_run(), (plain, error)))
    assert broken(gate) == {Rule.LOST: 6, Rule.ERROR: 6}
    removed = held(make_run(), edited(make_run(), (plain, None)))
    assert broken(removed) == {Rule.LOST: 6}


def test_a_cell_that_could_not_be_made_is_an_error(held: Held) -> None:
    base = make_run()
    cell = replace(
        base.cells[2], verdict=Verdict.ERROR, reason=Reason.NO_WHEEL, message="there is no wheel"
    )
    gate = held(base, replace(base, cells=(*base.cells[:2], cell)), rules=[Rule.ERROR])
    assert gate.breaches[0].sentences == (f"{NEW}: there is no wheel",)


def test_every_failure_counts_when_it_is_asked_for(held: Held) -> None:
    gate = held(make_run(), make_run(), rules=[Rule.FAILURE])
    counts = counted(make_run().outcomes)
    wrong = [o for o in counts if applies(o) and not o.judgement.as_expected]
    assert broken(gate) == {Rule.FAILURE: len(wrong)}


def test_what_is_flaky_breaks_nothing_unless_it_is_asked_for(held: Held) -> None:
    flaky = edited(make_run(), (plain, {"flaky": True}))
    assert held(make_run(), flaky).passes
    assert broken(held(make_run(), flaky, rules=[Rule.FLAKY])) == {Rule.FLAKY: 6}
    bad = edited(make_run(), (plain, LOUD | {"flaky": True}))
    assert broken(held(make_run(), bad)) == {Rule.NEW_FAILURE: 6}
    assert broken(held(make_run(), bad, rules=[Rule.FLAKY])) == {Rule.FLAKY: 6}


def test_a_save_that_could_not_be_measured_is_an_error(held: Held) -> None:
    base = make_run()
    saves = (replace(base.saves[0], verdict=Verdict.ERROR, reason=Reason.CELL_LOST),)
    gate = held(base, replace(base, saves=(*saves, *base.saves[1:])), rules=[Rule.ERROR])
    assert broken(gate) == {Rule.ERROR: 1}
    assert gate.breaches[0].sentences[0].startswith("saving tensor_plain in")


def test_what_is_as_its_case_expects_meets_no_expectation(held: Held) -> None:
    entry = expectation(case="file_truncated")
    gate = held(make_run(), make_run(), entry, rules=[Rule.PASSING])
    assert broken(gate) == {Rule.PASSING: 1}


def test_a_mistake_that_only_the_baseline_tells_apart_can_be_expected(held: Held) -> None:
    unnoticed = {"verdict": Verdict.OK, "reason": None, "as_expected": False}

    def somewhere(outcome: Outcome) -> bool:
        return outcome.case == "wrong_layers" and outcome.consumer == NEW

    base = edited(make_run(), (somewhere, unnoticed))
    head = edited(make_run(), (lambda outcome: outcome.case == "wrong_layers", unnoticed))
    assert Rule.SILENT in broken(held(base, head))
    entry = expectation(case="wrong_layers", verdict=Verdict.OK)
    assert held(base, head, entry).passes


def test_a_run_without_outcomes(held: Held) -> None:
    empty = replace(make_run(), outcomes=())
    gate = held(make_run(), empty, expectation())
    assert Rule.LOST in broken(gate)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"case": "family:tensor"},
        {"case": "tensor_*,!tensor_conj", "consumer": NEW},
        {"reason": Reason.MISSING_GLOBAL},
        {"modes": (Mode.PLAIN, Mode.TRUSTED)},
        {"expires": TODAY},
    ],
)
def test_what_is_expected_breaks_nothing(held: Held, fields: dict[str, Any]) -> None:
    gate = held(make_run(), edited(make_run(), (plain, LOUD)), expectation(**fields))
    assert gate.passes
    assert gate.accepted == 6
    assert "6 loads not as it should be, as expected" in sentences(gate)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"verdict": Verdict.CHANGED}, 6),
        ({"reason": Reason.CRASHED}, 6),
        ({"modes": (Mode.PLAIN,)}, 3),
        ({"producer": OLD}, 4),
        ({"consumer": OLD}, 6),
        ({"case": "family:numpy"}, 6),
        ({"device": "cuda*"}, 6),
    ],
)
def test_what_is_not_meant_still_does(held: Held, fields: dict[str, Any], left: int) -> None:
    gate = held(make_run(), edited(make_run(), (plain, LOUD)), expectation(**fields))
    assert broken(gate) == {Rule.NEW_FAILURE: left}


def test_an_expired_expectation_accepts_nothing_and_is_told(held: Held) -> None:
    old = expectation(expires=date(2026, 5, 31))
    gate = held(make_run(), edited(make_run(), (plain, LOUD)), old)
    assert broken(gate) == {Rule.NEW_FAILURE: 6, Rule.EXPIRED: 1}
    assert any(line.startswith("expect: expired on 2026-05-31") for line in sentences(gate))


def test_an_expectation_that_nothing_meets_is_told(held: Held) -> None:
    gate = held(make_run(), make_run(), expectation(), expectation(case="no_such_*"))
    assert gate.passes
    said = sentences(gate)
    assert "is met by none of 18 loads any more" in said[1]
    assert "is about no load of this run" in said[2]
    asked = held(make_run(), make_run(), expectation(), rules=[Rule.PASSING])
    assert broken(asked) == {Rule.PASSING: 1}


def test_as_json(held: Held) -> None:
    gate = held(make_run(), edited(make_run(), (plain, LOUD)), expectation(producer=OLD))
    told = json.loads(json.dumps(to_json(gate)))
    assert told["passes"] is False
    assert told["accepted"] == 2
    assert told["breaches"][0]["rule"] == "new-failure"
    assert told["expectations"] == [
        {"line": 3, "covered": 6, "met": 2, "expired": False, "says": ""}
    ]
