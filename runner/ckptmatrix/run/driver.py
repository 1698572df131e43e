"""One run from its plan to its record."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckptmatrix import __version__
from ckptmatrix.record import Counts, RunRecord
from ckptmatrix.run.assemble import assemble
from ckptmatrix.run.phases import Seen, load_all, save_all
from ckptmatrix.run.prepare import Prepared, prepare_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.plan import Load, Plan, Save
    from ckptmatrix.run.setting import Setting

__all__ = ["Finished", "drive"]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run's record, and what is left when it was interrupted.

    Attributes:
        record: Everything about the run.
        left: Saves and loads the next run has to do, when this one was interrupted.
    """

    record: RunRecord
    left: int = 0


def drive(setting: Setting, plan: Plan, *, run_id: str, provider_note: str) -> Finished:
    """Do everything a plan says.

    An interrupt ends the jobs, keeps every answer that is final, and gives a record whose status
    is ``interrupted``.

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
    try:
        with _timed(phases, "prepare"):
            prepare_cells(setting, plan, prepared)
        with _timed(phases, "save"):
            save_all(setting, plan, prepared.usable, saved)
        with _timed(phases, "load"):
            load_all(setting, plan, prepared.usable, saved, loaded)
    except KeyboardInterrupt:
        interrupted = True
    with _timed(phases, "judge"):
        result = assemble(plan, prepared.records, saved, loaded, setting.store.get_observations)
    record = RunRecord(
        id=run_id,
        matrix=plan.matrix,
        status="interrupted" if interrupted else "complete",
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
    return Finished(record=record, left=result.unanswered if interrupted else 0)


@contextmanager
def _timed(phases: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        phases[name] = time.monotonic() - began
