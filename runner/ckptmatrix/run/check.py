"""A user's own files through every cell: loaded, compared with each other, explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ckptmatrix.diagnose.diagnose import diagnose
from ckptmatrix.diagnose.evidence import Evidence
from ckptmatrix.judge import absent
from ckptmatrix.judge.consensus import Sight, agree
from ckptmatrix.judge.continuation import continuation_of, continuation_of_reading
from ckptmatrix.judge.judge import judge_load
from ckptmatrix.judge.model_fit import explain_fit, read_fit
from ckptmatrix.judge.observation import MalformedObservationError, read_observation
from ckptmatrix.judge.raised import raised
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.predict import predict
from ckptmatrix.record import CellRecord
from ckptmatrix.run.check_record import CheckedFile, CheckedLoad, CheckedModel, CheckRecord
from ckptmatrix.run.phases import has_device
from ckptmatrix.run.prepare import Prepared, prepare_cells
from ckptmatrix.run.trials import Trial, load_given
from ckptmatrix.run.work import Seen
from ckptmatrix.sidecar import mismatch
from ckptmatrix.words import Reason, Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckptmatrix.judge.continuation import Continuation
    from ckptmatrix.judge.outcome import Judgement
    from ckptmatrix.plan import Plan
    from ckptmatrix.run.given import GivenFile
    from ckptmatrix.run.setting import Setting
    from ckptmatrix.wire import Done, Facts

    Observations = Mapping[str, dict[str, Any]]

__all__ = ["CheckFinished", "drive_check", "load_everywhere"]


@dataclass(frozen=True, kw_only=True)
class CheckFinished:
    """A check's record, and what ended it before its time.

    Attributes:
        record: Everything about it.
        left: Loads without an answer because it ended before.
        failure: What ended a check whose status is ``failed``; for the caller to raise.
    """

    record: CheckRecord
    left: int = 0
    failure: Exception | None = None


def drive_check(
    setting: Setting, plan: Plan, files: Sequence[GivenFile], *, run_id: str
) -> CheckFinished:
    """Load files in every cell of a plan, compare what was seen, and explain it.

    An interrupt keeps what is final, as in :func:`ckptmatrix.run.driver.drive`.

    Args:
        setting: The outside world; its model is tried on every file.
        plan: Has the cells and devices; its cases do not matter.
        files: What to check.
        run_id: Name of the check's folder.
    """
    started = datetime.now(UTC)
    prepared, seen = Prepared(), Seen[Trial]()
    status, failure = "complete", None
    try:
        load_everywhere(setting, plan, files, prepared, seen)
        if setting.model is not None:
            _fit_everywhere(setting, plan, files, prepared, seen)
        if setting.cancel.is_set():
            status = "interrupted"
    except KeyboardInterrupt:
        status = "interrupted"
    except Exception as error:  # noqa: BLE001 - kept, and raised by the caller
        status, failure = "failed", error
    checked = _Checked(setting=setting, plan=plan, prepared=prepared, seen=seen)
    model = setting.model
    record = CheckRecord(
        id=run_id,
        matrix=plan.matrix,
        status=status,
        started=started,
        ended=datetime.now(UTC),
        provider=setting.provider.name,
        model="" if model is None else f"{model.module}:{model.factory}",
        cells=tuple(checked.cells.values()),
        files=tuple(checked.file(file) for file in files),
        jobs=prepared.probes + seen.jobs,
        done=seen.tasks,
        reused=len(seen.reused),
    )
    unanswered = [
        load
        for file in record.files
        for load in file.loads
        if load.judgement.reason is Reason.DID_NOT_RUN
    ]
    return CheckFinished(record=record, left=len(unanswered), failure=failure)


def load_everywhere(
    setting: Setting,
    plan: Plan,
    files: Sequence[GivenFile],
    prepared: Prepared,
    seen: Seen[Trial],
) -> None:
    """Prepare every cell, and load every file there in every mode of its format."""
    prepare_cells(setting, plan, prepared)
    trials = [trial for file in files for trial in _trials(plan, file)]
    load_given(setting, prepared.usable, files, trials, seen, name="check")


def _trials(plan: Plan, file: GivenFile) -> list[Trial]:
    return [
        Trial(file.checkpoint.sha256, planned.cell.id, device, mode)
        for planned in plan.cells
        for device in plan.devices
        for mode in file.case.modes
    ]


def _fit_everywhere(
    setting: Setting,
    plan: Plan,
    files: Sequence[GivenFile],
    prepared: Prepared,
    seen: Seen[Trial],
) -> None:
    """Put what was loaded into the model, by the least trusting mode that loads it in a cell."""
    best: dict[tuple[str, str, str], Trial] = {}
    for file in files:
        for trial in _trials(plan, file):
            attempts = seen.attempts.get(trial)
            if attempts and attempts[-1].result is Result.RETURNED:
                best.setdefault(trial[:3], trial._replace(fit=True))
    load_given(setting, prepared.usable, files, best.values(), seen, name="model")


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """What is known, and what follows from it for one file."""

    setting: Setting
    plan: Plan
    prepared: Prepared
    seen: Seen[Trial]

    @property
    def cells(self) -> dict[str, CellRecord]:
        """Declared id → record, in the plan's order."""
        not_reached = {
            planned.cell.id: CellRecord(
                id=planned.cell.id,
                declared=planned.cell.id,
                verdict=Verdict.ERROR,
                reason=Reason.DID_NOT_RUN,
                message="the check ended before this cell was ready",
            )
            for planned in self.plan.cells
        }
        return {name: self.prepared.records.get(name, each) for name, each in not_reached.items()}

    def file(self, file: GivenFile) -> CheckedFile:
        """Everything about one file."""
        trials = _trials(self.plan, file)
        observations = self._observations(file)
        returned = {
            trial: attempts[-1]
            for trial in trials
            if (attempts := self.seen.attempts.get(trial)) is not None
            and attempts[-1].result is Result.RETURNED
        }
        sights = [
            Sight(trial.cell, self._release(trial.cell), trial.mode, done.observation)
            for trial, done in returned.items()
            if done.observation is not None
        ]
        consensus = agree(
            (each for each in sights if _observable(observations.get(each.observation))),
            observations,
        )
        # Where nothing can be compared, what one cell saw still says what there is.
        reference = consensus.reference or next((each.observation for each in sights), None)
        judged = {trial: self._judged(trial, file, reference, observations) for trial in trials}
        sidecar = file.sidecar.sidecar
        distrusted = _distrusted(file)
        return CheckedFile(
            path=str(file.path),
            sha256=file.checkpoint.sha256,
            reading=replace(file.reading, storages=(), tensors=()),
            loads=tuple(self._load(trial, file, judged) for trial in trials),
            groups=tuple(
                tuple(self.cells[name].id for name in group.cells) for group in consensus.groups
            ),
            continuation=_continuation(file, reference, observations),
            models=self._models(file, observations),
            sidecar=sidecar,
            sidecar_problem=distrusted,
            other_environments={
                record.id: differs
                for record in self.cells.values()
                if sidecar is not None
                and not distrusted
                and record.facts is not None
                and (differs := mismatch(sidecar, record.facts))
            },
        )

    def _observations(self, file: GivenFile) -> dict[str, dict[str, Any]]:
        named = {
            done.observation
            for trial, attempts in self.seen.attempts.items()
            if trial.sha256 == file.checkpoint.sha256
            for done in attempts
            if done.observation is not None
        }
        known = {
            name: self.seen.observations[name] for name in named & self.seen.observations.keys()
        }
        return known | self.setting.store.get_observations(named - known.keys())

    def _facts(self, cell: str) -> Facts | None:
        return self.cells[cell].facts

    def _release(self, cell: str) -> tuple[int, ...]:
        facts = self._facts(cell)
        return release_of(facts.torch or "") if facts is not None else ()

    def _judged(
        self, trial: Trial, file: GivenFile, reference: str | None, observations: Observations
    ) -> Judgement:
        attempts = self.seen.attempts.get(trial)
        if not attempts:
            return self._absence(trial)
        judgement = judge_load(
            attempts,
            observations,
            observations.get(reference or ""),
            file.case,
            trial.mode,
            reference_digest=reference,
            file=file.reading.format,
        )
        if judgement.reason is Reason.UNOBSERVABLE:
            kind = judgement.message.partition(";")[0]
            return replace(judgement, message=f"it loads, but {kind}")
        if attempts[-1].result is Result.INPUT_MISMATCH:
            return replace(judgement, message="the file changed while it was being checked")
        return judgement

    def _absence(self, trial: Trial) -> Judgement:
        record = self.cells[trial.cell]
        if record.verdict is not Verdict.OK:
            return absent.consumer_unusable(record.verdict, record.reason, record.message)
        facts = record.facts
        if facts is not None and not has_device(facts, trial.device):
            if facts.torch_cuda is None and facts.torch_hip is None:
                return absent.no_device(trial.device)
            message = f"this host has no {trial.device}"
            return absent.consumer_unusable(Verdict.ERROR, Reason.HOST_UNSUPPORTED, message)
        error = self.seen.errors.get(trial)
        if error is None:
            return absent.did_not_run()
        return absent.consumer_unusable(Verdict.ERROR, error.reason, error.message)

    def _load(
        self, trial: Trial, file: GivenFile, judged: Mapping[Trial, Judgement]
    ) -> CheckedLoad:
        attempts = self.seen.attempts.get(trial, ())
        last = attempts[-1] if attempts else None
        warnings = [f"{each.category}: {each.message}" for each in last.warnings] if last else []
        judgement = judged[trial]
        facts = self._facts(trial.cell)
        loading = Loading(
            mode=trial.mode,
            device=trial.device,
            memory_bytes=self.setting.limits.memory_bytes,
        )
        diagnosis = None
        if judgement.verdict in {Verdict.FAILED, Verdict.CHANGED}:
            diagnosis = diagnose(
                Evidence(
                    judgement=judgement,
                    case=file.case,
                    mode=trial.mode,
                    device=trial.device,
                    producer=None,
                    consumer=facts,
                    exception=raised(last.exception) if last and last.exception else None,
                    warnings=tuple(dict.fromkeys(warnings)),
                    reading=file.reading,
                    modes={
                        other.mode: each
                        for other, each in judged.items()
                        if other[:3] == trial[:3] and other.mode is not trial.mode
                    },
                )
            )
        return CheckedLoad(
            cell=self.cells[trial.cell].id,
            device=trial.device,
            mode=trial.mode,
            judgement=judgement,
            loads=last is not None and last.result is Result.RETURNED,
            warnings=tuple(dict.fromkeys(warnings)),
            seconds=last.seconds if last else 0.0,
            attempts=len(attempts),
            cached=trial in self.seen.reused,
            diagnosis=diagnosis,
            prediction=None if facts is None else predict(file.reading, facts, loading),
        )

    def _models(self, file: GivenFile, observations: Observations) -> tuple[CheckedModel, ...]:
        found = []
        for trial, attempts in self.seen.attempts.items():
            if trial.fit and trial.sha256 == file.checkpoint.sha256:
                done = attempts[-1]
                fit = read_fit(observations.get(done.observation or ""))
                returned = done.result is Result.RETURNED and fit is not None
                found.append(
                    CheckedModel(
                        cell=self.cells[trial.cell].id,
                        device=trial.device,
                        mode=trial.mode,
                        fit=fit if returned else None,
                        fitting=explain_fit(fit) if returned and fit is not None else None,
                        problem="" if returned else _problem(done),
                    )
                )
        order = {record.id: number for number, record in enumerate(self.cells.values())}
        return tuple(sorted(found, key=lambda each: (order[each.cell], each.device)))


def _problem(done: Done) -> str:
    if done.exception is not None:
        told = raised(done.exception)
        return f"{told.type}: {told.message}".partition("\n")[0][:300]
    return done.detail[:300] or f"it ended as {done.result.value}"


def _observable(observation: Mapping[str, Any] | None) -> bool:
    """Whether all of it can be compared; what cannot be read at all is told elsewhere."""
    try:
        return read_observation(observation).unobservable() is None
    except MalformedObservationError:
        return True


def _distrusted(file: GivenFile) -> str:
    checkpoint = file.checkpoint
    return file.sidecar.distrusted(size=checkpoint.bytes, sha256=checkpoint.sha256)


def _continuation(
    file: GivenFile, reference: str | None, observations: Observations
) -> Continuation:
    versions = file.sidecar.sidecar is not None and not _distrusted(file)
    try:
        seen = read_observation(observations.get(reference or ""))
    except MalformedObservationError:
        return continuation_of_reading(file.reading, versions=versions)
    return continuation_of(seen, versions=versions)
