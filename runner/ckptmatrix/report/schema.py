"""The columns of the outcomes, as data: what the files of a run folder and its frames hold.

``outcomes.json`` holds the same columns; what is JSON text in ``outcomes.parquet`` and in frames is
an array there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from ckptmatrix.judge.outcome import Cure, Diagnosis, Difference, Judgement, Outcome
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.report.text import encodable
from ckptmatrix.words import Mode, Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMNS", "Column", "outcome_from", "row"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the outcomes.

    Attributes:
        name: Its name.
        kind: ``category`` (few different texts), ``text``, ``json`` (text that is JSON), ``bool``,
            ``int`` (64 bits) or ``float`` (64 bits).
        meaning: One line.
        nullable: Whether it may be empty.
        volatile: Whether it may differ between two equal runs; leave it out when comparing.
    """

    name: str
    kind: Literal["category", "text", "json", "bool", "int", "float"]
    meaning: str
    nullable: bool = False
    volatile: bool = False


COLUMNS = (
    Column(name="producer", kind="category", meaning="Cell that saved."),
    Column(name="consumer", kind="category", meaning="Cell that loaded."),
    Column(name="case", kind="category", meaning="Kind of checkpoint."),
    Column(name="family", kind="category", meaning="The case's family."),
    Column(name="producer_device", kind="category", meaning="Where the saved tensors lived."),
    Column(name="device", kind="category", meaning="Where the loaded tensors are to live."),
    Column(name="mode", kind="category", meaning="How it was loaded, ordered by rising trust."),
    Column(name="verdict", kind="category", meaning="What happened, ordered by severity."),
    Column(name="reason", kind="category", meaning="Why; empty for ok.", nullable=True),
    Column(name="stage", kind="category", meaning="Where it ended.", nullable=True),
    Column(name="as_expected", kind="bool", meaning="Whether it is what the case expects."),
    Column(name="flaky", kind="bool", meaning="Whether attempts that should agree differ."),
    Column(name="message", kind="text", meaning="The exception's words, or one sentence."),
    Column(name="entity", kind="text", meaning="What the message is about: a global, a key."),
    Column(name="seconds", kind="float", meaning="Duration of the last attempt.", volatile=True),
    Column(name="peak_rss_bytes", kind="int", meaning="Its peak memory.", volatile=True),
    Column(name="attempts", kind="int", meaning="How many attempts were made."),
    Column(
        name="checkpoint",
        kind="text",
        meaning="SHA-256 of what was loaded.",
        nullable=True,
        volatile=True,
    ),
    Column(name="cached", kind="bool", meaning="Whether an earlier run saw it.", volatile=True),
    Column(name="warnings", kind="json", meaning="Warnings on the way, each once."),
    Column(
        name="differences", kind="json", meaning="Leaves that differ, at most 50, and by how much."
    ),
    Column(
        name="diagnosis",
        kind="category",
        meaning="Name of what is known about it; empty when nothing is, or nothing is wrong.",
        nullable=True,
    ),
    Column(name="cause", kind="text", meaning="Why, in one sentence; empty when nothing is wrong."),
    Column(name="cures", kind="json", meaning="What to do, and whether it was seen to work."),
    Column(name="reference", kind="text", meaning="Public source of the diagnosis."),
    Column(
        name="versions", kind="category", meaning="Versions of both sides, where there is a cause."
    ),
    Column(
        name="predicted",
        kind="category",
        meaning="What the file alone said: loads, fails; empty when it was not asked.",
        nullable=True,
    ),
    Column(name="predicted_reason", kind="category", meaning="Why it fails.", nullable=True),
    Column(name="predicted_why", kind="text", meaning="What the prediction rests on."),
)


def row(outcome: Outcome) -> dict[str, Any]:
    """An outcome as one flat JSON object, in the order of :data:`COLUMNS`."""
    judgement = outcome.judgement
    return {
        "producer": outcome.producer,
        "consumer": outcome.consumer,
        "case": outcome.case,
        "family": outcome.family,
        "producer_device": outcome.producer_device,
        "device": outcome.device,
        "mode": outcome.mode.value,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason.value if judgement.reason else None,
        "stage": judgement.stage.value if judgement.stage else None,
        "as_expected": judgement.as_expected,
        "flaky": judgement.flaky,
        "message": encodable(judgement.message),
        "entity": encodable(judgement.entity),
        "seconds": outcome.seconds,
        "peak_rss_bytes": outcome.peak_rss_bytes,
        "attempts": outcome.attempts,
        "checkpoint": outcome.checkpoint,
        "cached": outcome.cached,
        "warnings": [encodable(warning) for warning in outcome.warnings],
        "differences": [
            {
                name: encodable(value) if isinstance(value, str) else value
                for name, value in asdict(difference).items()
            }
            for difference in judgement.differences
        ],
        **_diagnosis_row(outcome.diagnosis),
        **_prediction_row(outcome.prediction),
    }


def _diagnosis_row(diagnosis: Diagnosis | None) -> dict[str, Any]:
    if diagnosis is None:
        return {"diagnosis": None, "cause": "", "cures": [], "reference": "", "versions": ""}
    return {
        "diagnosis": diagnosis.signature or None,
        "cause": encodable(diagnosis.cause),
        "cures": [asdict(cure) | {"text": encodable(cure.text)} for cure in diagnosis.cures],
        "reference": diagnosis.reference,
        "versions": diagnosis.versions,
    }


def _prediction_row(prediction: Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"predicted": None, "predicted_reason": None, "predicted_why": ""}
    return {
        "predicted": "loads" if prediction.reason is None else "fails",
        "predicted_reason": prediction.reason.value if prediction.reason else None,
        "predicted_why": encodable(prediction.why),
    }


def outcome_from(fields: Mapping[str, Any]) -> Outcome:
    """The outcome that :func:`row` gave.

    Raises:
        ValueError: A word in it is not one of ours.
        KeyError: A column is missing.
    """
    reason, stage = fields["reason"], fields["stage"]
    return Outcome(
        producer=fields["producer"],
        consumer=fields["consumer"],
        case=fields["case"],
        family=fields["family"],
        producer_device=fields["producer_device"],
        device=fields["device"],
        mode=Mode(fields["mode"]),
        judgement=Judgement(
            verdict=Verdict(fields["verdict"]),
            reason=Reason(reason) if reason else None,
            stage=Stage(stage) if stage else None,
            as_expected=fields["as_expected"],
            flaky=fields["flaky"],
            message=fields["message"],
            entity=fields["entity"],
            differences=tuple(
                Difference(
                    path=difference["path"],
                    what=Reason(difference["what"]),
                    before=difference["before"],
                    after=difference["after"],
                    absolute=difference.get("absolute"),
                    relative=difference.get("relative"),
                    step=difference.get("step"),
                )
                for difference in fields["differences"]
            ),
        ),
        warnings=tuple(fields["warnings"]),
        seconds=fields["seconds"],
        peak_rss_bytes=fields["peak_rss_bytes"],
        attempts=fields["attempts"],
        checkpoint=fields["checkpoint"],
        cached=fields["cached"],
        diagnosis=_diagnosis_from(fields),
        prediction=_prediction_from(fields),
    )


def _diagnosis_from(fields: Mapping[str, Any]) -> Diagnosis | None:
    if not fields["cause"]:
        return None
    return Diagnosis(
        signature=fields["diagnosis"] or "",
        cause=fields["cause"],
        cures=tuple(Cure(**cure) for cure in fields["cures"]),
        reference=fields["reference"],
        versions=fields["versions"],
    )


def _prediction_from(fields: Mapping[str, Any]) -> Prediction | None:
    if fields["predicted"] is None:
        return None
    reason = fields["predicted_reason"]
    return Prediction(reason=Reason(reason) if reason else None, why=fields["predicted_why"])
