"""Runs with the real store, engine, judge and board, over a provider without processes."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ckptmatrix.catalogue import CaseInfo
from ckptmatrix.engines.local import LocalEngine
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.plan import Plan, plan_matrix
from ckptmatrix.run.driver import Finished, drive
from ckptmatrix.run.progress import PlainBoard
from ckptmatrix.run.setting import Setting
from ckptmatrix.store import Store
from ckptmatrix.wire import Limits
from ckptmatrix.words import Mode
from fakes import FakeProvider, FakeSide, Steps, good_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ckptmatrix.judge.outcome import Judgement
    from ckptmatrix.record import CellRecord, SaveRecord

__all__ = [
    "TRUNCATED",
    "Ran",
    "Scenario",
    "a_case",
    "a_cell",
    "interrupt",
    "some_cells",
    "when",
    "with_events",
]

#: What loads of a good cell raise, when controls are among the cases.
TRUNCATED = {"file_truncated": "RuntimeError: PytorchStreamReader failed reading zip archive"}


def a_cell(number: int, cuda: str = "cpu") -> Cell:
    """A cell unlike those of other numbers."""
    python, torch = f"3.{number}", f"2.{number}.0"
    name = f"py{python}-torch{torch}-cpu" if cuda == "cpu" else f"py{python}-torch{torch}-cu{cuda}"
    return Cell(id=name, python=python, torch=torch, cuda=cuda)


def some_cells(number: int) -> list[Cell]:
    """So many cells."""
    return [a_cell(each) for each in range(1, number + 1)]


def a_case(name: str, *, version: int = 1, **fields: Any) -> CaseInfo:
    """A case with two modes whose digest is that of its name and version."""
    asked = {"modes": (Mode.PLAIN, Mode.TRUSTED), "family": "state", "title": "A case.", **fields}
    digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    return CaseInfo(name=name, digest=digest, **asked)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run of a scenario."""

    finished: Finished
    plan: Plan
    provider: FakeProvider
    said: str
    log: Path

    @property
    def jobs(self) -> Counter[str]:
        """Phase → starts of the cell program, as the provider counted them."""
        return Counter(job.manifest.phase.value for job in self.provider.jobs)

    def tasks(self, phase: str) -> list[tuple[str, str, str]]:
        """Job, case and mode of every task that was handed to a cell."""
        return [
            (job.id, task.case, str(task.mode))
            for job in self.provider.jobs
            if job.manifest.phase == phase
            for task in job.manifest.tasks
        ]

    def judged(self, **wanted: str) -> list[Judgement]:
        """Judgements of the outcomes that have these fields."""
        return [
            outcome.judgement
            for outcome in self.finished.record.outcomes
            if all(getattr(outcome, name) == value for name, value in wanted.items())
        ]

    def words(self, **wanted: str) -> set[tuple[str, str | None]]:
        """Verdicts and reasons of those outcomes."""
        return {(each.verdict.value, each.reason) for each in self.judged(**wanted)}

    def cell(self, declared: Cell) -> CellRecord:
        """The record of a declared cell."""
        return next(c for c in self.finished.record.cells if c.declared == declared.id)

    def save(self, producer: Cell, case: str) -> SaveRecord:
        """The record of a save."""
        saves = self.finished.record.saves
        return next(s for s in saves if (s.producer, s.case) == (producer.id, case))


@dataclass(kw_only=True)
class Scenario:
    """Runs one after the other over the same store."""

    folder: Path
    slots: int = 2
    board_text: io.StringIO = field(default_factory=io.StringIO)
    _numbers: Iterator[int] = field(default_factory=count)

    def setting(self, provider: FakeProvider, store: Store, **changes: Any) -> Setting:
        """What a run works with; its folders are its own."""
        own = self.folder / f"run{next(self._numbers)}"
        (own / "log").mkdir(parents=True)
        (own / "scratch").mkdir()
        return Setting(
            **{
                "provider": provider,
                "engine": LocalEngine(self.slots),
                "store": store,
                "board": PlainBoard(Console(file=self.board_text, width=300)),
                "scratch": own / "scratch",
                "log": own / "log",
                "limits": Limits(),
                "timeout_s": 5.0,
                "observer": "0" * 64,
                "case_files": {},
                **changes,
            }
        )

    def run(
        self,
        cells: Sequence[Cell],
        cases: Sequence[CaseInfo] = (),
        *,
        provider: FakeProvider | None = None,
        devices: Sequence[str] = ("cpu",),
        why_no_wheel: Callable[[Cell], str | None] = lambda _: None,
        **changes: Any,
    ) -> Ran:
        """Plan and drive. ``changes`` are of the setting."""
        plan = plan_matrix(
            "m",
            cells,
            cases or [a_case("one"), a_case("two")],
            devices=devices,
            why_no_wheel=why_no_wheel,
        )
        provider = provider or FakeProvider()
        before = len(self.board_text.getvalue())
        with Store(self.folder / "store") as store:
            setting = self.setting(provider, store, **changes)
            with setting.board:
                finished = drive(setting, plan, run_id="r", provider_note="fake: asked for")
        return Ran(
            finished=finished,
            plan=plan,
            provider=provider,
            said=self.board_text.getvalue()[before:],
            log=setting.log,
        )


def with_events(
    change: Callable[[FakeSide, dict[str, Any]], Any],
) -> Callable[[FakeSide], Steps]:
    """A cell whose every event is changed, or seen, just before it is said.

    ``change`` gives the event to say instead, or None to say what it was given.
    """

    def program(side: FakeSide) -> Steps:
        steps = good_cell(side)
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                return int(stop.value)
            if isinstance(step, bytes):
                event = json.loads(step)
                step = json.dumps(change(side, event) or event, sort_keys=True).encode()
            yield step

    return program


def when(event: dict[str, Any], kind: str, side: FakeSide, phase: str) -> bool:
    """Whether it is such an event of a job of that phase."""
    return bool(event["event"] == kind and side.manifest["phase"] == phase)


def interrupt() -> None:
    """What Ctrl-C does, from any thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
