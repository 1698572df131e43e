from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import UsageError
from ckptmatrix.judge.numbers import EXACT, Tolerance
from ckptmatrix.judge.policy import Policy, expectation_of, policy_of
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.catalogue import CaseInfo


def test_a_case_that_says_nothing_has_the_default(make_case: Callable[..., CaseInfo]) -> None:
    assert policy_of(make_case()) == Policy()


def test_what_is_left_out_has_the_default(make_case: Callable[..., CaseInfo]) -> None:
    policy = policy_of(
        make_case(
            policy={
                "forward": {"rtol": 1e-4},
                "resume": {"atol": 1},
                "ignore": ["flags_changed"],
            }
        )
    )
    assert policy.forward == Tolerance(rtol=1e-4)
    assert policy.resume == Tolerance(rtol=1e-9, atol=1.0)
    assert policy.ignore == {Reason.FLAGS_CHANGED}


@pytest.mark.parametrize(
    ("dtype", "exact"),
    [
        ("torch.float64", False),
        ("float64", False),
        ("torch.float8_e4m3fn", False),
        ("torch.complex64", False),
        ("torch.int64", True),
        ("torch.bool", True),
        ("", True),
    ],
)
def test_only_floating_dtypes_have_tolerance(dtype: str, *, exact: bool) -> None:
    wide = Tolerance(rtol=0.5)
    assert (Policy().tolerance(dtype) == EXACT) is exact
    assert Policy(forward=wide).tolerance(dtype) == (EXACT if exact else wide)


def test_narrower_dtypes_are_compared_less_closely() -> None:
    widths = [Policy().tolerance(f"float{bits}").rtol for bits in (64, 32, 16)]
    assert widths == sorted(widths)
    assert Policy().tolerance("bfloat16").rtol > Policy().tolerance("float16").rtol


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("policy", [], "policy must be a dict"),
        ("policy", {"forwards": {}}, "unknown key 'forwards'; it may have 'forward', 'resume'"),
        ("policy", {"forward": 3}, r"policy\['forward'\] must be a dict"),
        ("policy", {"forward": {"tol": 3}}, "unknown key 'tol'"),
        ("policy", {"forward": {"rtol": "x"}}, "must be a number from 0 on, not 'x'"),
        ("policy", {"forward": {"rtol": True}}, "must be a number"),
        ("policy", {"resume": {"atol": -1}}, "must be a number from 0 on"),
        ("policy", {"resume": {"atol": float("nan")}}, "must be a number from 0 on"),
        ("policy", {"ignore": "flags_changed"}, "must be a list"),
        ("policy", {"ignore": ["file_corrupt"]}, "unknown word 'file_corrupt'"),
        ("expect", {"verdicts": 1}, "unknown key 'verdicts'"),
        ("expect", {"verdict": "bad"}, "unknown word 'bad'"),
        ("expect", {"verdict": ["ok"]}, "unknown word"),
        ("expect", {"reasons": ["bad"]}, "unknown word 'bad'"),
        ("expect", {"modes": {"fast": {}}}, "unknown key 'fast'"),
        ("expect", {"modes": {"plain": {"modes": {}}}}, "unknown key 'modes'"),
    ],
)
def test_what_a_case_cannot_say(
    make_case: Callable[..., CaseInfo], field: str, value: Any, message: str
) -> None:
    case = make_case(**{field: value})
    with pytest.raises(UsageError, match=message) as caught:
        _ = policy_of(case), expectation_of(case, Mode.PLAIN)
    assert str(caught.value).startswith("cases/mine.py:12: case sample: ")


@pytest.mark.parametrize(
    ("expect", "verdict", "reason", "met"),
    [
        ({}, Verdict.OK, None, True),
        ({}, Verdict.UNSUPPORTED, Reason.MODE_MISSING, True),
        ({}, Verdict.CHANGED, Reason.DTYPE_CHANGED, False),
        ({}, Verdict.ERROR, Reason.CELL_LOST, False),
        ({"verdict": "failed"}, Verdict.FAILED, Reason.TIMEOUT, True),
        ({"verdict": "failed"}, Verdict.OK, None, False),
        ({"verdict": "failed"}, Verdict.UNSUPPORTED, Reason.FEATURE_MISSING, True),
        ({"verdict": "failed", "reasons": ["timeout"]}, Verdict.FAILED, Reason.CRASHED, False),
        ({"verdict": "changed", "reasons": ["shape_changed"]}, Verdict.FAILED, None, False),
    ],
)
def test_expectations(
    make_case: Callable[..., CaseInfo],
    expect: dict[str, Any],
    verdict: Verdict,
    reason: Reason | None,
    *,
    met: bool,
) -> None:
    expectation = expectation_of(make_case(expect=expect), Mode.PLAIN)
    assert expectation.met_by(verdict, reason) is met


def test_a_mode_s_own_expectation_replaces_the_case_s(make_case: Callable[..., CaseInfo]) -> None:
    expect = {"verdict": "failed", "modes": {"trusted": {}}}
    case = make_case(expect=expect)
    assert expectation_of(case, Mode.PLAIN).verdict is Verdict.FAILED
    assert expectation_of(case, Mode.TRUSTED).verdict is None
    assert expectation_of(case, None).verdict is Verdict.FAILED
