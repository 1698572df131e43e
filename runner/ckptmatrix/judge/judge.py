"""What was seen to what it means: attempts and observations to a verdict. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptmatrix.judge.compare import compare_observations
from ckptmatrix.judge.ending import judge_ending
from ckptmatrix.judge.observation import MalformedObservationError, read_observation
from ckptmatrix.judge.outcome import Difference, Judgement
from ckptmatrix.judge.policy import expectation_of, policy_of
from ckptmatrix.words import Reason, Result, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckptmatrix.archive.reading import Format
    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.judge.policy import Policy
    from ckptmatrix.wire import Done
    from ckptmatrix.words import Mode

__all__ = ["SaveJudgement", "judge_load", "judge_save"]

#: The stage at which a difference shows; state shows where it is observed.
_SHOWS = {Reason.FORWARD_DIFFERS: Stage.FORWARD, Reason.RESUME_DIVERGED: Stage.RESUME}


class SaveJudgement(NamedTuple):
    """What a save came to: ``ok``, or why not and the exception's words or one sentence."""

    verdict: Verdict
    reason: Reason | None = None
    message: str = ""


class _Seen(NamedTuple):
    """What there is to compare, and the kind of the file."""

    observations: Mapping[str, Mapping[str, Any]]
    reference: Mapping[str, Any] | None
    reference_digest: str | None
    file: Format | None


def judge_load(
    attempts: Sequence[Done],
    observations: Mapping[str, Mapping[str, Any]],
    reference: Mapping[str, Any] | None,
    case: CaseInfo,
    mode: Mode,
    *,
    reference_digest: str | None = None,
    file: Format | None = None,
) -> Judgement:
    """What the attempts at one load came to.

    Args:
        attempts: In the order they were made; the last one counts.
        observations: By digest; those the attempts name.
        reference: The producer's own observation of what it saved.
        case: Has the policy and what is expected.
        mode: How it was loaded.
        reference_digest: Digest of ``reference``; an attempt that names the same is not compared.
        file: What the file says it is, where it was looked into.

    Returns:
        The last attempt's judgement, ``flaky`` when another attempt came to something else.

    Raises:
        UsageError: The case's policy or expectation says something it cannot say.
    """
    policy = policy_of(case)
    if not attempts:
        return _error(None, Reason.DID_NOT_RUN, "it was not tried")
    seen = _Seen(observations, reference, reference_digest, file)
    judged = [_attempt(done, seen, policy) for done in attempts]
    last = judged[-1]
    return replace(
        last,
        as_expected=expectation_of(case, mode).met_by(last.verdict, last.reason),
        flaky=len({(each.verdict, each.reason, each.differences) for each in judged}) > 1,
    )


def judge_save(attempts: Sequence[Done], case: CaseInfo) -> SaveJudgement:
    """What the attempts at one save came to.

    Args:
        attempts: In the order they were made; the last one counts.
        case: The case saved.
    """
    if not attempts:
        return SaveJudgement(Verdict.ERROR, Reason.DID_NOT_RUN, "it was not tried")
    done = attempts[-1]
    ended = judge_ending(done)
    if ended is not None:
        return SaveJudgement(ended.verdict, ended.reason, ended.message)
    if done.checkpoint is None:
        message = f"the cell saved {case.name} and did not say what it wrote"
        return SaveJudgement(Verdict.ERROR, Reason.CELL_MISBEHAVED, message)
    return SaveJudgement(Verdict.OK)


def _attempt(
    done: Done,
    seen: _Seen,
    policy: Policy,
) -> Judgement:
    ended = judge_ending(done, seen.file)
    if ended is None:
        return _returned(done, seen, policy)
    if done.result is not Result.RAISED or done.observation is None or seen.reference is None:
        return ended
    try:
        before = read_observation(seen.reference)
        after = read_observation(seen.observations.get(done.observation))
        before = replace(
            before,
            forward=before.forward if after.forward is not None else None,
            losses=before.losses if after.losses is not None else None,
        )
        return replace(ended, differences=compare_observations(before, after, policy))
    except MalformedObservationError:
        return ended


def _returned(
    done: Done,
    seen: _Seen,
    policy: Policy,
) -> Judgement:
    if done.observation is None or done.observation not in seen.observations:
        return _error(done.stage, Reason.CELL_MISBEHAVED, "the cell did not say what it loaded")
    if seen.reference is None:
        message = "there is no observation of what was saved to compare with"
        return _error(done.stage, Reason.CELL_MISBEHAVED, message)
    try:
        after = read_observation(seen.observations[done.observation])
        # Most loads give exactly what was saved.
        same = done.observation == seen.reference_digest
        before = after if same else read_observation(seen.reference)
        unknown = after.unobservable() or before.unobservable()
        if unknown is not None:
            kind = str(unknown.fields.get("class", "an unknown class"))[:200]
            message = f"nothing here can look inside {kind}; override observe() in the case"
            return _error(done.stage, Reason.UNOBSERVABLE, message, unknown.path[:200])
        differences = () if same else compare_observations(before, after, policy)
    except MalformedObservationError as error:
        message = f"the cell reported no observation: {error}"
        return _error(done.stage, Reason.CELL_MISBEHAVED, message)
    if not differences:
        return Judgement(verdict=Verdict.OK, stage=done.stage)
    return _changed(differences)


def _changed(differences: tuple[Difference, ...]) -> Judgement:
    worst = differences[0]
    return Judgement(
        verdict=Verdict.CHANGED,
        reason=worst.what,
        stage=_SHOWS.get(worst.what, Stage.OBSERVE),
        message=f"{worst.path or 'the object itself'}: {worst.before} → {worst.after}",
        entity=worst.path,
        differences=differences,
    )


def _error(stage: Stage | None, reason: Reason, message: str, entity: str = "") -> Judgement:
    return Judgement(
        verdict=Verdict.ERROR,
        reason=reason,
        stage=stage,
        as_expected=False,
        message=message,
        entity=entity,
    )
