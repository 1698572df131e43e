"""Judgements of loads that were not tried: each says whose fault that is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.judge.outcome import Judgement
from ckptmatrix.judge.policy import expectation_of
from ckptmatrix.words import Reason, Stage, Verdict

if TYPE_CHECKING:
    from ckptmatrix.catalogue import CaseInfo

__all__ = [
    "consumer_unusable",
    "did_not_run",
    "no_device",
    "producer_unusable",
    "save_failed",
]


def did_not_run() -> Judgement:
    """A load that was planned and has no answer: the run was stopped before."""
    return Judgement(
        verdict=Verdict.ERROR,
        reason=Reason.DID_NOT_RUN,
        as_expected=False,
        message="the run ended before it was tried",
    )


def no_device(device: str) -> Judgement:
    """A load on a device the consumer does not have.

    Args:
        device: ``cuda:0``.
    """
    return Judgement(
        verdict=Verdict.UNSUPPORTED,
        reason=Reason.FEATURE_MISSING,
        message=f"the cell has no device {device}",
        entity=device,
    )


def consumer_unusable(verdict: Verdict, reason: Reason | None, message: str) -> Judgement:
    """A load in a cell that could not be used.

    Args:
        verdict: The cell's: ``unsupported`` or ``error``.
        reason: The cell's.
        message: The cell's.
    """
    return Judgement(
        verdict=verdict,
        reason=reason,
        as_expected=verdict is Verdict.UNSUPPORTED,
        message=message,
    )


def producer_unusable(verdict: Verdict, message: str) -> Judgement:
    """A load of what a cell could not save because it cannot be used, or has no such feature.

    Args:
        verdict: The producer's: ``unsupported`` or ``error``.
        message: The producer's.
    """
    unsupported = verdict is Verdict.UNSUPPORTED
    return Judgement(
        verdict=Verdict.ABORTED,
        reason=Reason.PRODUCER_UNSUPPORTED if unsupported else Reason.PRODUCER_ERROR,
        stage=Stage.SAVE,
        as_expected=unsupported,
        message=message,
    )


def save_failed(case: CaseInfo, reason: Reason | None, message: str) -> Judgement:
    """A load of what its producer failed to save.

    Args:
        case: Expects that, when its ``expect`` names the reason of the failed save.
        reason: The save's.
        message: The save's.

    Raises:
        UsageError: The case's expectation says something it cannot say.
    """
    expected = expectation_of(case, None)
    return Judgement(
        verdict=Verdict.ABORTED,
        reason=Reason.SAVE_FAILED,
        stage=Stage.SAVE,
        as_expected=reason in expected.reasons and expected.met_by(Verdict.FAILED, reason),
        message=message,
    )
