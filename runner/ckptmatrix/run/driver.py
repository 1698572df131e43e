"""One run from its plan to its record."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ckptmatrix import __version__
from ckptmatrix.errors import StoreError
from ckptmatrix.record import Counts, RunRecord
from ckptmatrix.run.assemble import Assembled, assemble
from ckptmatrix.run.explain import explain
from ckptmatrix.run.phases import Seen, load_all, save_all
from ckptmatrix.run.prepare import Prepared, prepare_cells
from ckptmatrix.run.readings import read_all
from ckptmatrix.run.sidecars import write_sidecars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ckptmatrix.plan import Load, Plan, Save
    from ckptmatrix.run.setting import Setting

__all__ = ["Finished", "drive"]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run's record, and what is left when it ended before its time.

    Attributes:
        record: Everything about the run.
        left: Saves and loads the next run has to do, when this one was interrupted or failed.
        failure: What ended a run whose status is ``failed``; for the caller to raise once the
            record is written.
    """

    record: RunRecord
    left: int = 0
    failure: Exception | None = None


def drive(setting: Setting, plan: Plan, *, run_id: str, provider_note: str) -> Finished:
    """Do everything a plan says.

    An interrupt (the setting's ``cancel``, or a ``KeyboardInterrupt``) ends the jobs, keeps every
    answer that is final, and gives a record whose status is ``interrupted``. Whatever else is
    raised does the same with the status ``failed``.

    Args:
        setting: The outside world.
        plan: What to do.
        run_id: Name of the run's folder.
        provider_note: Why this provider, one line.
    """
    phases: dict[str, float] = {}
    started = datetime.now(UTC)
    prepared = Prepared()
    saved: Seen[Save] = Seen()
    loaded: Seen[Load] = Seen()
    interrupted = False
    failure: Exception | None = None
    try:
        with _timed(phases, "prepare"):
            prepare_cells(setting, plan, prepared)
        with _timed(phases, "save"):
            save_all(setting, plan, prepared.usable, saved)
        with _timed(phases, "load"):
            load_all(setting, plan, prepared.usable, saved, loaded)
        interrupted = setting.cancel.is_set()
    except KeyboardInterrupt:
        interrupted = True
    except Exception as error:  # noqa: BLE001 - kept, and raised by the caller
        failure = error

    def fetch(digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        """A store that just failed may fail again; what was known before is judged all the same."""
        try:
            return setting.store.get_observations(digests)
        except StoreError:
            if failure is None:
                raise
            return {}

    with _timed(phases, "judge"):
        try:
            readings = read_all(setting.store, plan, saved, say=setting.board.say)
            result = assemble(plan, prepared.records, saved, loaded, fetch, readings=readings)
            result = explain(
                plan, result, saved, loaded, readings, memory_bytes=setting.limits.memory_bytes
            )
            write_sidecars(setting, plan, prepared.usable, saved, readings)
        except Exception as error:  # noqa: BLE001 - as above
            failure = failure or error
            result = Assembled(
                cells=tuple(prepared.records.values()), saves=(), outcomes=(), unanswered=0
            )
    record = RunRecord(
        id=run_id,
        matrix=plan.matrix,
        status="failed" if failure else "interrupted" if interrupted else "complete",
        started=started,
        ended=datetime.now(UTC),
        provider=setting.provider.name,
        provider_note=provider_note,
        ckptmatrix=__version__,
        cells=result.cells,
        cases={case.name: (case.family, case.title) for case in plan.cases},
        saves=result.saves,
        outcomes=result.outcomes,
        counts=Counts(
            jobs=prepared.probes + saved.jobs + loaded.jobs,
            saves=saved.tasks,
            loads=loaded.tasks,
            reused_saves=len(saved.reused),
            reused_loads=len(loaded.reused),
        ),
        phases=phases,
    )
    left = result.unanswered if failure or interrupted else 0
    return Finished(record=record, left=left, failure=failure)


@contextmanager
def _timed(phases: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        phases[name] = time.monotonic() - began
