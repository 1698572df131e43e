"""Whether a cell's answers can be believed: two cases whose answers are known. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckptmatrix.judge.outcome import Outcome

__all__ = ["CONTROLS", "distrust", "is_control"]

#: Case → what a cell must answer to its own checkpoint. A mode it does not have says nothing.
_ANSWERS = {"state_dict": Verdict.OK, "file_truncated": Verdict.FAILED}

#: Names of the cases every cell is tried with.
CONTROLS = tuple(_ANSWERS)


def is_control(outcome: Outcome) -> bool:
    """Whether an outcome is of a cell loading its own control on the device that saved it."""
    return (
        outcome.case in _ANSWERS
        and outcome.producer == outcome.consumer
        and outcome.producer_device == outcome.device
    )


def distrust(outcomes: Iterable[Outcome]) -> str:
    """Why a cell is not to be trusted.

    Args:
        outcomes: Of one cell, any of them; only its controls are looked at.

    Returns:
        One sentence about the first control that misbehaved, empty when none did.
    """
    for outcome in outcomes:
        if not is_control(outcome):
            continue
        judgement = outcome.judgement
        if judgement.verdict not in (_ANSWERS[outcome.case], Verdict.UNSUPPORTED):
            reason = "" if judgement.reason is None else f" ({judgement.reason})"
            return (
                f"its own {outcome.case} on {outcome.device}, mode {outcome.mode}, must be "
                f"{_ANSWERS[outcome.case]} and was {judgement.verdict}{reason}"
            )
    return ""
