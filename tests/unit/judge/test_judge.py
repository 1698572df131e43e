from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptmatrix.errors import UsageError
from ckptmatrix.judge.judge import SaveJudgement, judge_load, judge_save
from ckptmatrix.words import Mode, Reason, Result, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.judge.outcome import Judgement
    from ckptmatrix.wire import Checkpoint, Done

SAME, OTHER, ODD = "1" * 64, "2" * 64, "3" * 64
CRASH = """terminate called after throwing an instance of 'c10::Error'
  what():  isTuple() INTERNAL ASSERT FAILED at "ivalue_inl.h":931, please report a bug to PyTorch.
Exception raised from toTuple at ivalue_inl.h:931 (most recent call first):
frame #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x42 (0x7fa2202518b2 in libc10.so)
frame #1: <unknown function> + 0x2f850b0 (0x7fa260d850b0 in libtorch_cpu.so)
<omitting python frames>
"""


def seen(value: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "leaves": [{"path": "", "type": "int", "value": value}],
        "aliases": [],
        **fields,
    }


OBSERVATIONS: dict[str, Any] = {
    SAME: seen(),
    OTHER: seen(2),
    ODD: {"version": 1, "leaves": "none"},
}


@pytest.fixture
def judge(make_case: Callable[..., CaseInfo]) -> Any:
    def judge(*attempts: Done, reference: Any = OBSERVATIONS[SAME], **fields: Any) -> Judgement:
        mode = fields.pop("mode", Mode.PLAIN)
        observations = fields.pop("observations", OBSERVATIONS)
        digest = fields.pop("reference_digest", None)
        case = make_case(**fields)
        return judge_load(attempts, observations, reference, case, mode, reference_digest=digest)

    return judge


@pytest.mark.parametrize("digest", [SAME, None])
def test_what_has_the_same_digest_is_not_compared(
    judge: Any,
    make_attempt: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    digest: str | None,
) -> None:
    compared = []

    def compare(*sides: Any) -> tuple[()]:
        compared.append(sides)
        return ()

    monkeypatch.setattr("ckptmatrix.judge.judge.compare_observations", compare)
    read_twice = json.loads(json.dumps(OBSERVATIONS[SAME]))
    attempt = make_attempt(observation=SAME)
    judgement = judge(attempt, reference=read_twice, reference_digest=digest)
    assert judgement.verdict is Verdict.OK
    assert len(compared) == (digest is None)


def test_the_same_object_is_ok(judge: Any, make_attempt: Callable[..., Done]) -> None:
    judgement = judge(make_attempt(observation=SAME))
    assert (judgement.verdict, judgement.reason) == (Verdict.OK, None)
    assert judgement.as_expected
    assert not judgement.flaky
    assert judgement.message == ""


def test_another_object_is_changed(judge: Any, make_attempt: Callable[..., Done]) -> None:
    judgement = judge(make_attempt(observation=OTHER))
    assert (judgement.verdict, judgement.reason) == (Verdict.CHANGED, Reason.VALUES_DIFFER)
    assert judgement.message == "the object itself: 1 → 2"
    assert not judgement.as_expected
    assert len(judgement.differences) == 1


@pytest.mark.parametrize(
    ("fields", "verdict", "reason"),
    [
        (
            {"result": Result.RAISED, "raises": ("EOFError", "pickle data was truncated")},
            Verdict.FAILED,
            Reason.FILE_CORRUPT,
        ),
        (
            {"result": Result.RAISED, "raises": ("mine.Error", "no"), "stage": Stage.RESUME},
            Verdict.FAILED,
            Reason.RESUME_ERROR,
        ),
        (
            {"result": Result.RAISED, "raises": ("RuntimeError", "no"), "oom": True},
            Verdict.FAILED,
            Reason.OUT_OF_MEMORY,
        ),
        ({"result": Result.RAISED}, Verdict.ERROR, Reason.CELL_MISBEHAVED),
        ({"result": Result.DIED, "signal": 6}, Verdict.FAILED, Reason.CRASHED),
        ({"result": Result.DIED, "signal": 9, "oom": True}, Verdict.FAILED, Reason.OUT_OF_MEMORY),
        ({"result": Result.TIMEOUT}, Verdict.FAILED, Reason.TIMEOUT),
        ({"result": Result.OUTPUT_FLOOD}, Verdict.FAILED, Reason.OUTPUT_FLOOD),
        (
            {"result": Result.UNSUPPORTED, "detail": "torch.load has no mmap"},
            Verdict.UNSUPPORTED,
            Reason.MODE_MISSING,
        ),
        (
            {"result": Result.UNSUPPORTED, "detail": "there is no torch.export"},
            Verdict.UNSUPPORTED,
            Reason.FEATURE_MISSING,
        ),
        ({"result": Result.INPUT_MISMATCH}, Verdict.ERROR, Reason.CHECKPOINT_CORRUPT),
        ({"observation": None}, Verdict.ERROR, Reason.CELL_MISBEHAVED),
        ({"observation": "f" * 64}, Verdict.ERROR, Reason.CELL_MISBEHAVED),
        ({"observation": ODD}, Verdict.ERROR, Reason.CELL_MISBEHAVED),
    ],
)
def test_how_an_attempt_ended(
    judge: Any,
    make_attempt: Callable[..., Done],
    fields: dict[str, Any],
    verdict: Verdict,
    reason: Reason,
) -> None:
    judgement = judge(make_attempt(**fields))
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert judgement.as_expected == (verdict is Verdict.UNSUPPORTED)
    assert judgement.message


def test_the_words_of_an_exception(judge: Any, make_attempt: Callable[..., Done]) -> None:
    message = "\x1b[1mdo not\x1b[0m\x00\nframe #0: somewhere\nframe #1: else"
    judgement = judge(make_attempt(Result.RAISED, raises=("RuntimeError", message)))
    assert judgement.message == "RuntimeError: do not\N{REPLACEMENT CHARACTER}"
    silent = judge(make_attempt(Result.RAISED, raises=("EOFError", "")))
    assert silent.message == "EOFError"
    missing = "No module named 'numpy._core'"
    entity = judge(make_attempt(Result.RAISED, raises=("ModuleNotFoundError", missing))).entity
    assert entity == "numpy._core"


def test_the_last_words_of_a_crash(judge: Any, make_attempt: Callable[..., Done]) -> None:
    judgement = judge(make_attempt(Result.DIED, signal=6, tail=CRASH))
    assert judgement.message == (
        "killed by SIGABRT: terminate called after throwing an instance of 'c10::Error': what(): "
        'isTuple() INTERNAL ASSERT FAILED at "ivalue_inl.h":931, please report a bug to PyTorch.'
    )
    assert judge(make_attempt(Result.DIED, exit_code=3)).message.endswith("exit code 3")
    assert judge(make_attempt(Result.DIED, signal=65)).message == "killed by signal 65"
    quiet = judge(make_attempt(Result.DIED, signal=11, tail="one\ntwo\n\nthree\nfour\n"))
    assert quiet.message == "killed by SIGSEGV: two: three: four"


def test_the_last_attempt_counts_and_disagreement_is_flaky(
    judge: Any, make_attempt: Callable[..., Done]
) -> None:
    bad = make_attempt(Result.RAISED, raises=("EOFError", ""))
    good = make_attempt(observation=SAME, attempt=2, isolation="alone")
    judgement = judge(bad, good)
    assert (judgement.verdict, judgement.flaky) == (Verdict.OK, True)
    assert judge(good, good).flaky is False
    assert judge(good, bad).verdict is Verdict.FAILED
    # The same differences told in other words are the same.
    other = make_attempt(Result.RAISED, raises=("EOFError", "Ran out of input"))
    assert judge(bad, other).flaky is False


def test_no_attempt_did_not_run(judge: Any) -> None:
    judgement = judge()
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, Reason.DID_NOT_RUN)


def test_nothing_to_compare_with_is_never_ok(judge: Any, make_attempt: Callable[..., Done]) -> None:
    assert judge(make_attempt(observation=SAME), reference=None).verdict is Verdict.ERROR


@pytest.mark.parametrize("side", ["producer", "consumer"])
def test_what_cannot_be_observed_is_never_judged(
    judge: Any, make_attempt: Callable[..., Done], side: str
) -> None:
    unobservable = {"type": "unobservable", "class": "mine.Handle", "note": "kind"}
    unknown = {
        "version": 1,
        "leaves": [
            {"path": "", "type": "dict", "class": "dict", "keys": ["a"]},
            {"path": "['a']", "type": "tensor", "parts": {"x": unobservable}},
        ],
    }
    pair = (unknown, seen()) if side == "producer" else (seen(), unknown)
    judgement = judge(
        make_attempt(observation=SAME), reference=pair[0], observations={SAME: pair[1]}
    )
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, Reason.UNOBSERVABLE)
    assert judgement.entity == "['a'].x"
    assert "mine.Handle" in judgement.message
    assert "override observe() in the case" in judgement.message


def test_an_exception_at_work_is_told_with_what_had_changed_before(
    judge: Any, make_attempt: Callable[..., Done]
) -> None:
    reference = seen(forward={"leaves": []}, resume={"losses": [1.0]})
    attempt = make_attempt(
        Result.RAISED,
        stage=Stage.FORWARD,
        observation=OTHER,
        raises=("AttributeError", "'GELU' object has no attribute 'approximate'"),
    )
    judgement = judge(attempt, reference=reference)
    assert (judgement.verdict, judgement.reason) == (Verdict.FAILED, Reason.FORWARD_ERROR)
    assert judgement.stage is Stage.FORWARD
    assert [difference.what for difference in judgement.differences] == [Reason.VALUES_DIFFER]


def test_behaviour_is_told_by_its_stage(judge: Any, make_attempt: Callable[..., Done]) -> None:
    reference = seen(resume={"losses": [1.0]})
    observations = {SAME: seen(resume={"losses": [2.0]})}
    judgement = judge(
        make_attempt(observation=SAME), reference=reference, observations=observations
    )
    assert (judgement.reason, judgement.stage) == (Reason.RESUME_DIVERGED, Stage.RESUME)


def test_what_a_case_expects(judge: Any, make_attempt: Callable[..., Done]) -> None:
    corrupt = make_attempt(Result.RAISED, raises=("EOFError", "pickle data was truncated"))
    fine = make_attempt(observation=SAME)
    lacking = make_attempt(Result.UNSUPPORTED, detail="torch.load has no mmap")
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}
    assert judge(corrupt, expect=expect).as_expected
    assert judge(lacking, expect=expect).as_expected
    assert not judge(fine, expect=expect).as_expected
    assert not judge(make_attempt(Result.RAISED, raises=("E", "other")), expect=expect).as_expected
    modes = {"modes": {"restricted": expect}}
    assert judge(fine, expect=modes).as_expected
    assert not judge(fine, expect=modes, mode=Mode.RESTRICTED).as_expected
    assert judge(corrupt, expect=modes, mode=Mode.RESTRICTED).as_expected


def test_a_case_overlooks_what_it_says(judge: Any, make_attempt: Callable[..., Done]) -> None:
    policy = {"ignore": ["values_differ"]}
    assert judge(make_attempt(observation=OTHER), policy=policy).verdict is Verdict.OK


def test_a_wrong_policy_is_the_user_s_to_mend(
    judge: Any, make_attempt: Callable[..., Done]
) -> None:
    with pytest.raises(UsageError, match=r"cases/mine.py:12: case sample: .*'forwards'"):
        judge(make_attempt(observation=SAME), policy={"forwards": {}})


def test_saves(
    make_case: Callable[..., CaseInfo], make_attempt: Callable[..., Done], checkpoint: Checkpoint
) -> None:
    case = make_case()
    saved = make_attempt(checkpoint=checkpoint)
    assert judge_save([saved], case) == SaveJudgement(Verdict.OK)
    failed = make_attempt(
        Result.RAISED,
        stage=Stage.SAVE,
        raises=("TypeError", "cannot pickle '_thread.lock' object"),
    )
    assert judge_save([saved, failed], case) == (
        Verdict.FAILED,
        Reason.UNPICKLABLE,
        "TypeError: cannot pickle '_thread.lock' object",
    )
    lacking = make_attempt(Result.UNSUPPORTED, stage=Stage.SAVE, detail="no torch.float8_e4m3fn")
    assert judge_save([lacking], case).reason is Reason.FEATURE_MISSING
    assert judge_save([make_attempt()], case).reason is Reason.CELL_MISBEHAVED
    assert judge_save([], case).reason is Reason.DID_NOT_RUN


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(Result),
    st.sampled_from(Stage),
    st.sampled_from([None, SAME, OTHER, ODD, "f" * 64]),
    st.sampled_from([None, *OBSERVATIONS.values(), {}, {"version": 1}]),
    st.none() | st.tuples(st.text(max_size=9), st.text(max_size=99)),
    st.text(max_size=99),
    st.booleans(),
)
def test_any_attempt_is_judged_and_always_the_same(  # noqa: PLR0917 - one strategy each
    judge: Any,
    make_attempt: Callable[..., Done],
    result: Result,
    stage: Stage,
    observation: str | None,
    reference: Any,
    raises: tuple[str, str] | None,
    text: str,
    oom: bool,  # noqa: FBT001 - given by the strategy
) -> None:
    attempt = make_attempt(
        result,
        stage=stage,
        observation=observation,
        raises=raises,
        detail=text,
        tail=text,
        oom=oom,
    )
    judgement = judge(attempt, reference=reference)
    assert judgement == judge(attempt, reference=reference)
    assert (judgement.reason is None) == (judgement.verdict is Verdict.OK)
    assert (judgement.verdict is Verdict.OK) <= (result is Result.RETURNED)
