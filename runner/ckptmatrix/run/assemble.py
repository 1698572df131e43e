"""Everything that was seen, judged: one outcome for every load of the plan, none absent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ckptmatrix.judge import absent
from ckptmatrix.judge.controls import CONTROLS, distrust, is_control
from ckptmatrix.judge.judge import judge_load, judge_save
from ckptmatrix.judge.outcome import Judgement, Outcome
from ckptmatrix.record import CellRecord, SaveRecord
from ckptmatrix.run.phases import has_device
from ckptmatrix.words import Reason, Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.plan import Load, Plan, Save
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.wire import Done

    Observations = Mapping[str, dict[str, Any]]

__all__ = ["Assembled", "assemble"]

#: Why a control has no answer when that says nothing about its cell.
_NO_FAULT_OF_ITS_OWN = {Reason.DID_NOT_RUN, Reason.HOST_FULL, Reason.HOST_UNSUPPORTED}


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """The run's results.

    Attributes:
        cells: Records in the matrix's order, with their controls' word.
        saves: One per save of the plan.
        outcomes: One per load of the plan.
        unanswered: How many saves and loads have no answer because the run ended before.
    """

    cells: tuple[CellRecord, ...]
    saves: tuple[SaveRecord, ...]
    outcomes: tuple[Outcome, ...]
    unanswered: int


def assemble(
    plan: Plan,
    cells: Mapping[str, CellRecord],
    saved: Seen[Save],
    loaded: Seen[Load],
    fetch: Callable[[Iterable[str]], Observations],
    *,
    readings: Mapping[str, Reading],
) -> Assembled:
    """Judge everything.

    Args:
        plan: What was to be done, in declared ids.
        cells: Declared id → record; a cell that is missing was not reached.
        saved: Answers to the saves.
        loaded: Answers to the loads.
        fetch: Gives observations by digest; those already in ``saved`` and ``loaded`` are not asked
            for. A load of which one is not given counts as not run.
        readings: SHA-256 of a checkpoint → its reading.
    """
    known = saved.observations | loaded.observations
    named = _named(saved.attempts.values(), loaded.attempts.values())
    evidence = _Evidence(
        plan=plan,
        cells={planned.cell.id: _record(planned.cell.id, cells) for planned in plan.cells},
        saved=saved,
        loaded=loaded,
        observations={**known, **fetch(named - known.keys())},
        readings=readings,
    )
    saves = {save: evidence.save_record(save) for save in plan.saves()}
    outcomes = tuple(evidence.outcome(load, saves) for load in plan.loads())
    reasons = [record.reason for record in saves.values()]
    reasons += [outcome.judgement.reason for outcome in outcomes]
    return Assembled(
        cells=_with_trust(evidence.cells, outcomes),
        saves=tuple(saves.values()),
        outcomes=outcomes,
        unanswered=reasons.count(Reason.DID_NOT_RUN),
    )


def _record(declared: str, cells: Mapping[str, CellRecord]) -> CellRecord:
    not_reached = CellRecord(
        id=declared,
        declared=declared,
        verdict=Verdict.ERROR,
        reason=Reason.DID_NOT_RUN,
        message="the run ended before this cell was ready",
    )
    return cells.get(declared, not_reached)


def _named(*many: Iterable[tuple[Done, ...]]) -> set[str]:
    return {
        attempt.observation
        for answers in many
        for attempts in answers
        for attempt in attempts
        if attempt.observation is not None
    }


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What is known, and what follows from it for one save or load."""

    plan: Plan
    cells: Mapping[str, CellRecord]
    saved: Seen[Save]
    loaded: Seen[Load]
    observations: Observations
    readings: Mapping[str, Reading]

    def save_record(self, save: Save) -> SaveRecord:
        """What came of a save."""
        attempts = self.saved.attempts.get(save)
        last = attempts[-1] if attempts else None
        checkpoint = last.checkpoint if last else None
        if attempts:
            verdict, reason, message = judge_save(attempts, self.plan.case(save.case))
        else:
            why = self._cannot_run(save.producer, save.device) or self._lost(self.saved, save)
            verdict, reason, message = why.verdict, why.reason, why.message
        return SaveRecord(
            producer=self.cells[save.producer].id,
            case=save.case,
            device=save.device,
            verdict=verdict,
            reason=reason,
            message=message,
            checkpoint=checkpoint.sha256 if checkpoint else None,
            bytes=checkpoint.bytes if checkpoint else 0,
            seconds=last.seconds if last else 0.0,
            cached=save in self.saved.reused,
            attempts=len(attempts or ()),
            flaky=verdict is Verdict.OK and _changed_its_mind(attempts or ()),
        )

    def outcome(self, load: Load, saves: Mapping[Save, SaveRecord]) -> Outcome:
        """What came of a load."""
        save = saves[load.source]
        attempts = self._readable(load)
        last = attempts[-1] if attempts else None
        warnings = [f"{w.category}: {w.message}" for w in last.warnings] if last else []
        return Outcome(
            producer=self.cells[load.producer].id,
            consumer=self.cells[load.consumer].id,
            case=load.case,
            family=self.plan.case(load.case).family,
            producer_device=load.producer_device,
            device=load.device,
            mode=load.mode,
            judgement=self._judged(load, attempts, save) if attempts else self._absence(load, save),
            warnings=tuple(dict.fromkeys(warnings)),
            seconds=last.seconds if last else 0.0,
            peak_rss_bytes=last.peak_rss_bytes if last else 0,
            attempts=len(attempts),
            checkpoint=save.checkpoint,
            cached=load in self.loaded.reused,
        )

    def _judged(self, load: Load, attempts: tuple[Done, ...], save: SaveRecord) -> Judgement:
        reading = self.readings.get(save.checkpoint or "")
        digest = self.saved.attempts[load.source][-1].observation
        return judge_load(
            attempts,
            self.observations,
            self.observations.get(digest or ""),
            self.plan.case(load.case),
            load.mode,
            reference_digest=digest,
            file=reading.format if reading is not None else None,
        )

    def _readable(self, load: Load) -> tuple[Done, ...]:
        """The attempts at a load, none when what they saw cannot be read any more."""
        attempts = self.loaded.attempts.get(load, ())
        source = self.saved.attempts.get(load.source, ())
        named = _named([attempts, source[-1:]]) if attempts else set()
        return attempts if named <= self.observations.keys() else ()

    def _absence(self, load: Load, save: SaveRecord) -> Judgement:
        """Why there is no attempt: the consumer is asked first, then the producer."""
        if (why := self._cannot_run(load.consumer, load.device)) is not None:
            return why
        match save.verdict:
            case Verdict.OK:
                return self._lost(self.loaded, load)
            case Verdict.UNSUPPORTED | Verdict.ERROR:
                if save.reason is Reason.DID_NOT_RUN:
                    return absent.did_not_run()
                if save.reason is Reason.HOST_FULL:
                    return absent.consumer_unusable(save.verdict, save.reason, save.message)
                return absent.producer_unusable(save.verdict, save.message)
            case _:
                return absent.save_failed(self.plan.case(load.case), save.reason, save.message)

    def _cannot_run(self, cell: str, device: str) -> Judgement | None:
        """Why a cell cannot do anything on a device, or None when it can."""
        record = self.cells[cell]
        if record.verdict is not Verdict.OK:
            return absent.consumer_unusable(record.verdict, record.reason, record.message)
        facts = record.facts
        if facts is None or has_device(facts, device):
            return None
        if facts.torch_cuda is None and facts.torch_hip is None:
            return absent.no_device(device)
        why = facts.device_error.strip().splitlines()
        message = f"this host has no {device}" + (f": {why[0][:300]}" if why else "")
        return absent.consumer_unusable(Verdict.ERROR, Reason.HOST_UNSUPPORTED, message)

    def _lost(self, seen: Seen[Any], what: Save | Load) -> Judgement:
        error = seen.errors.get(what)
        if error is None:
            return absent.did_not_run()
        return absent.consumer_unusable(Verdict.ERROR, error.reason, error.message)


def _changed_its_mind(attempts: tuple[Done, ...]) -> bool:
    return any(attempt.result is not Result.RETURNED for attempt in attempts)


def _with_trust(
    cells: Mapping[str, CellRecord], outcomes: Iterable[Outcome]
) -> tuple[CellRecord, ...]:
    """Records with what their controls said.

    A usable cell that cannot save its own control is as little to be trusted as one that cannot
    load it. None where a control was kept from an answer by something else.
    """
    controls: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if is_control(outcome) and outcome.judgement.reason not in _NO_FAULT_OF_ITS_OWN:
            controls[outcome.consumer].append(outcome)
    trusted = []
    for record in cells.values():
        told = controls[record.id] if record.verdict is Verdict.OK else []
        why = distrust(told)
        heard = {each.case for each in told if each.attempts}
        trust = False if why else True if heard.issuperset(CONTROLS) else None
        trusted.append(replace(record, trusted=trust, distrust=why))
    return tuple(trusted)
