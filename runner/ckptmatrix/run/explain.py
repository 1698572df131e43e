"""Adds to what was judged why it is so, what to do, and what the files alone had said."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ckptmatrix.diagnose.diagnose import diagnose
from ckptmatrix.diagnose.evidence import Evidence
from ckptmatrix.judge.outcome import Judgement
from ckptmatrix.judge.raised import raised
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.predict import predict
from ckptmatrix.words import Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.judge.outcome import Diagnosis, Outcome
    from ckptmatrix.plan import Load, Plan, Save
    from ckptmatrix.predict.prediction import Prediction
    from ckptmatrix.record import SaveRecord
    from ckptmatrix.run.assemble import Assembled
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.wire import Done, ExceptionRecord, Facts
    from ckptmatrix.words import Mode

__all__ = ["explain"]

_DIAGNOSED = frozenset({Verdict.FAILED, Verdict.CHANGED})
_PREDICTED = frozenset({Verdict.OK, Verdict.FAILED, Verdict.CHANGED})


def explain(
    plan: Plan,
    result: Assembled,
    saved: Seen[Save],
    loaded: Seen[Load],
    readings: Mapping[str, Reading],
    *,
    memory_bytes: int,
) -> Assembled:
    """Give every outcome its prediction, and every one that is not good its diagnosis.

    Args:
        plan: What was done.
        result: What it came to, in the plan's order.
        saved: Answers to the saves.
        loaded: Answers to the loads.
        readings: SHA-256 of a checkpoint → its reading.
        memory_bytes: What a load of this run could take.
    """
    loads, saves = tuple(plan.loads()), tuple(plan.saves())
    if len(loads) != len(result.outcomes) or len(saves) != len(result.saves):
        return result
    known = _Known(
        plan=plan,
        facts={cell.id: cell.facts for cell in result.cells},
        outcomes=dict(zip(loads, result.outcomes, strict=True)),
        readings=readings,
        memory_bytes=memory_bytes,
    )
    return replace(
        result,
        saves=tuple(
            replace(record, diagnosis=known.of_save(record, saved.attempts.get(save, ())))
            for save, record in zip(saves, result.saves, strict=True)
        ),
        outcomes=tuple(
            replace(
                outcome,
                diagnosis=known.of_load(load, loaded.attempts.get(load, ())),
                prediction=known.prediction(outcome),
            )
            for load, outcome in known.outcomes.items()
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What there is to explain with."""

    plan: Plan
    facts: Mapping[str, Facts | None]
    outcomes: Mapping[Load, Outcome]
    readings: Mapping[str, Reading]
    memory_bytes: int

    def prediction(self, outcome: Outcome) -> Prediction | None:
        """What the file, the consumer's facts and the conditions say of a load."""
        reading = self.readings.get(outcome.checkpoint or "")
        consumer = self.facts.get(outcome.consumer)
        if reading is None or consumer is None or outcome.judgement.verdict not in _PREDICTED:
            return None
        case = self.plan.case(outcome.case)
        own = case.memory_bytes
        loading = Loading(
            mode=outcome.mode,
            device=outcome.device,
            memory_bytes=self.memory_bytes if own is None else min(own, self.memory_bytes),
            opened_as=case.opened_as,
        )
        return predict(reading, consumer, loading)

    def of_save(self, record: SaveRecord, attempts: tuple[Done, ...]) -> Diagnosis | None:
        """Why a save failed."""
        if record.verdict is not Verdict.FAILED:
            return None
        return diagnose(
            Evidence(
                judgement=Judgement(
                    verdict=record.verdict,
                    reason=record.reason,
                    stage=attempts[-1].stage if attempts else Stage.SAVE,
                    message=record.message,
                ),
                case=self.plan.case(record.case),
                mode=None,
                device=record.device,
                producer=None,
                consumer=self.facts.get(record.producer),
                exception=_exception(attempts),
            )
        )

    def of_load(self, load: Load, attempts: tuple[Done, ...]) -> Diagnosis | None:
        """Why a load failed, or is not the same."""
        outcome = self.outcomes[load]
        if outcome.judgement.verdict not in _DIAGNOSED:
            return None
        case = self.plan.case(load.case)
        return diagnose(
            Evidence(
                judgement=outcome.judgement,
                case=case,
                mode=load.mode,
                device=load.device,
                producer=self.facts.get(outcome.producer),
                consumer=self.facts.get(outcome.consumer),
                exception=_exception(attempts),
                warnings=outcome.warnings,
                reading=self.readings.get(outcome.checkpoint or ""),
                modes=self._modes(load),
                variants=self._variants(load),
            )
        )

    def _modes(self, load: Load) -> dict[Mode, Judgement]:
        """What the same checkpoint came to in other modes."""
        return {
            mode: self.outcomes[load._replace(mode=mode)].judgement
            for mode in self.plan.case(load.case).modes
            if mode != load.mode
        }

    def _variants(self, load: Load) -> dict[str, dict[Mode, Judgement]]:
        """What the case's variants came to in the same place."""
        found: dict[str, dict[Mode, Judgement]] = defaultdict(dict)
        for case in self.plan.variants.get(load.case, ()):
            for mode in case.modes:
                other = load._replace(case=case.name, mode=mode)
                found[case.cure][mode] = self.outcomes[other].judgement
        return dict(found)


def _exception(attempts: tuple[Done, ...]) -> ExceptionRecord | None:
    exception = attempts[-1].exception if attempts else None
    return None if exception is None else raised(exception)
