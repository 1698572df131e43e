"""Makes every cell ready and asks it what it is: the declared plan becomes the resolved one."""

from __future__ import annotations

import errno
import platform
import threading
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.record import CellRecord
from ckptmatrix.run.jobs import probe
from ckptmatrix.run.phases import has_device
from ckptmatrix.run.resolve import mismatch, resolve_cell
from ckptmatrix.run.setting import Usable
from ckptmatrix.store.keys import digest, environment_digest
from ckptmatrix.system_errors import explain_os_error
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from ckptmatrix.plan import Plan, PlannedCell
    from ckptmatrix.run.setting import Setting
    from ckptmatrix.wire import Facts

__all__ = ["Prepared", "prepare_cells"]


class Prepared:
    """What preparing came to, filled from several threads.

    Attributes:
        usable: Declared id → the ready cell.
        records: Declared id → its record.
        probes: Jobs started to ask.
    """

    def __init__(self) -> None:
        self.usable: dict[str, Usable] = {}
        self.records: dict[str, CellRecord] = {}
        self.probes = 0
        self._lock = threading.Lock()

    def refuse(self, planned: PlannedCell, error: CellError, verdict: Verdict) -> None:
        """Note a cell that cannot be used."""
        self._note(
            CellRecord(
                id=planned.cell.id,
                declared=planned.cell.id,
                verdict=verdict,
                reason=error.reason,
                message=error.message,
                log_tail=error.log_tail,
            )
        )

    def accept(self, planned: PlannedCell, usable: Usable) -> None:
        """Note a cell that can be used."""
        environment = usable.environment
        record = CellRecord(
            id=usable.cell.id,
            declared=planned.cell.id,
            facts=usable.facts,
            packages=environment.packages,
            environment=environment.key,
            notes=environment.notes,
            prepare_seconds=environment.seconds,
            reused=environment.reused,
        )
        with self._lock:
            self.usable[planned.cell.id] = usable
            self.records[planned.cell.id] = record

    def settle_twins(self, plan: Plan) -> None:
        """Refuse cells that turned out to be another of the matrix, so that ids stay unique.

        An id belongs to the cell that is declared with it, else to the first that turned out so:
        which thread was quicker decides nothing.
        """
        taken = {planned.cell.id for planned in plan.cells}
        for planned in plan.cells:
            usable = self.usable.get(planned.cell.id)
            if usable is None or usable.cell.id == planned.cell.id:
                continue
            if usable.cell.id in taken:
                del self.usable[planned.cell.id]
                message = f"it turned out to be {usable.cell.id}, which the matrix has already"
                self.refuse(planned, CellError(Reason.ENVIRONMENT_MISMATCH, message), Verdict.ERROR)
            taken.add(usable.cell.id)

    def count_probe(self) -> None:
        """Note that a job was started."""
        with self._lock:
            self.probes += 1

    def _note(self, record: CellRecord) -> None:
        with self._lock:
            self.records[record.declared] = record


def prepare_cells(setting: Setting, plan: Plan, prepared: Prepared) -> None:
    """Prepare every cell of the plan; a cell that cannot be used never stops the others.

    Args:
        setting: The run's.
        plan: Whose cells.
        prepared: Filled as cells become ready, also when the user interrupts.
    """
    setting.board.phase("prepare", len(plan.cells))

    def one(planned: PlannedCell) -> None:
        cell = planned.cell
        try:
            if planned.unsupported:
                refusal = CellError(Reason.NO_WHEEL, planned.unsupported)
                prepared.refuse(planned, refusal, Verdict.UNSUPPORTED)
            else:
                prepared.accept(planned, _make(setting, prepared, planned, plan.devices))
        except Cancelled:
            return
        except (CellError, OSError) as error:
            refusal = error if isinstance(error, CellError) else _refusal(error)
            setting.board.say(f"{cell.id}: error: {refusal.reason}: {refusal.message}")
            prepared.refuse(planned, refusal, Verdict.ERROR)
        finally:
            setting.board.doing(cell.id, "")
        setting.board.step()

    try:
        setting.engine.each(plan.cells, one, cancel=setting.cancel)
    finally:
        prepared.settle_twins(plan)


def _make(
    setting: Setting, prepared: Prepared, planned: PlannedCell, devices: tuple[str, ...]
) -> Usable:
    cell = planned.cell
    environment = setting.provider.prepare(
        cell,
        cancel=setting.cancel,
        progress=lambda phrase: setting.board.doing(cell.id, phrase),
    )
    host = platform.platform()
    key = digest({"environment": environment.key, "observer": setting.observer, "host": host})
    facts = None if setting.fresh else setting.store.get_facts(key)
    if facts is None or _may_have_more(facts, devices):
        setting.board.doing(cell.id, "asking what it is")
        prepared.count_probe()
        facts = probe(setting, environment, cell.id)
    resolved = resolve_cell(cell, environment.cell, facts)
    if wrong := mismatch(resolved, facts):
        raise CellError(*wrong)
    setting.store.put_facts(key, facts)
    for note in environment.notes if resolved != cell else ():
        setting.board.say(f"{cell.id}: {note}")
    return Usable(
        cell=resolved, environment=environment, facts=facts, digest=environment_digest(facts)
    )


def _refusal(error: OSError) -> CellError:
    """One cell's share of what the system refused, so that the others go on."""
    what, fix = explain_os_error(error)
    where = f"{error.filename}: " if error.filename else ""
    reason = Reason.HOST_FULL if error.errno == errno.ENOSPC else Reason.INSTALL_FAILED
    return CellError(reason, f"{where}{what}; {fix}")


def _may_have_more(facts: Facts, devices: tuple[str, ...]) -> bool:
    """Whether a device that was missing may be there now: a driver was mended, a card was added."""
    built_for_some = facts.torch_cuda is not None or facts.torch_hip is not None
    return built_for_some and not all(has_device(facts, device) for device in devices)
