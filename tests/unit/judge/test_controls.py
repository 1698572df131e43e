from __future__ import annotations

import pytest

from ckptmatrix.judge.controls import CONTROLS, distrust, is_control
from ckptmatrix.judge.outcome import Judgement, Outcome
from ckptmatrix.words import Mode, Reason, Verdict


def outcome(case: str, verdict: Verdict, *, producer: str = "a", device: str = "cpu") -> Outcome:
    reasons = {Verdict.FAILED: Reason.FILE_CORRUPT, Verdict.CHANGED: Reason.VALUES_DIFFER}
    return Outcome(
        producer=producer,
        consumer="a",
        case=case,
        family="state",
        producer_device="cpu",
        device=device,
        mode=Mode.PLAIN,
        judgement=Judgement(verdict=verdict, reason=reasons.get(verdict)),
    )


def test_controls_are_the_two_cases_of_the_design() -> None:
    assert CONTROLS == ("state_dict", "file_truncated")


def test_a_cell_that_answers_right_is_trusted() -> None:
    good = [
        outcome("state_dict", Verdict.OK),
        outcome("state_dict", Verdict.UNSUPPORTED),
        outcome("file_truncated", Verdict.FAILED),
        outcome("file_truncated", Verdict.UNSUPPORTED),
    ]
    assert distrust(good) == ""
    assert distrust([]) == ""


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (case, verdict)
        for case, right in zip(CONTROLS, (Verdict.OK, Verdict.FAILED), strict=True)
        for verdict in Verdict
        if verdict not in (right, Verdict.UNSUPPORTED)
    ],
)
def test_a_cell_that_answers_wrong_is_not(case: str, verdict: Verdict) -> None:
    sentence = distrust([outcome("state_dict", Verdict.OK), outcome(case, verdict)])
    assert case in sentence
    assert verdict in sentence
    assert "mode plain" in sentence


def test_only_a_cell_s_own_controls_on_one_device_count() -> None:
    for other in (
        outcome("state_dict", Verdict.FAILED, producer="b"),
        outcome("state_dict", Verdict.FAILED, device="cuda:0"),
        outcome("module_linear", Verdict.FAILED),
    ):
        assert not is_control(other)
        assert distrust([other]) == ""
