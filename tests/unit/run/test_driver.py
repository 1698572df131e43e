from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import StoreError
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.store import Store
from ckptmatrix.words import Reason
from fakes import FakeProvider, FakeSide, Steps, good_cell
from scenario import a_case, interrupt, some_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.base import Environment
    from ckptmatrix.wire import Done
    from scenario import Ran, Scenario

CASES = [a_case(f"case{number}") for number in range(6)]
SAVES, LOADS = 2 * 6, 4 * 6 * 2


def test_a_record_says_what_was_done(scenario: Scenario) -> None:
    record = scenario.run(some_cells(2), CASES).finished.record
    assert (record.id, record.matrix, record.status) == ("r", "m", "complete")
    assert (record.provider, record.provider_note) == ("fake", "fake: asked for")
    assert list(record.cases) == [case.name for case in CASES]
    assert (record.counts.jobs, record.counts.saves, record.counts.loads) == (6, SAVES, LOADS)
    assert list(record.phases) == ["prepare", "save", "load", "judge"]
    assert record.ended is not None
    assert record.ended >= record.started


def stop_after(phase: str, answers: int) -> Callable[[FakeSide], Steps]:
    """Cells during which the user presses Ctrl-C, once so many tasks of a phase are answered."""
    answered, lock = [0], threading.Lock()

    def program(side: FakeSide) -> Steps:
        for step in good_cell(side):
            yield step
            if side.manifest["phase"] == phase and isinstance(step, bytes) and b'"done"' in step:
                with lock:
                    answered[0] += 1
                    enough = answered[0] == answers
                if enough:
                    interrupt()
                    while True:
                        yield 0.01
        return 0

    return program


def check_that_the_next_run_does_the_rest(scenario: Scenario, first: Ran) -> None:
    record = first.finished.record
    assert record.status == "interrupted"
    assert len(record.outcomes) == LOADS
    assert {o.judgement.reason for o in record.outcomes} <= {None, Reason.DID_NOT_RUN}
    done = record.counts.saves + record.counts.loads
    assert first.finished.left == SAVES + LOADS - done
    second = scenario.run(some_cells(2), CASES)
    counts = second.finished.record.counts
    assert counts.saves + counts.loads == first.finished.left
    assert counts.reused_saves + counts.reused_loads == done
    assert (second.finished.left, second.finished.record.status) == (0, "complete")
    assert second.words() == {("ok", None)}


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize(
    ("phase", "answers"), [("save", 1), ("save", 8), ("load", 1), ("load", 30)]
)
def test_an_interrupt_keeps_what_is_final_and_says_what_is_left(
    scenario: Scenario, phase: str, answers: int, slots: int
) -> None:
    scenario.slots = slots
    provider = FakeProvider(program=stop_after(phase, answers))
    first = scenario.run(some_cells(2), CASES, provider=provider)
    counts = first.finished.record.counts
    assert (counts.saves if phase == "save" else counts.loads) >= answers
    check_that_the_next_run_does_the_rest(scenario, first)


class Impatient(FakeProvider):
    """The user presses Ctrl-C while a cell is made."""

    def prepare(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        if self.prepared:
            interrupt()
            cancel.wait(10)
            raise Cancelled
        return super().prepare(cell, cancel=cancel, progress=progress)


def test_an_interrupt_while_cells_are_made(scenario: Scenario) -> None:
    scenario.slots = 1
    first = scenario.run(some_cells(2), CASES, provider=Impatient())
    assert first.finished.left == SAVES + LOADS
    assert [cell.verdict for cell in first.finished.record.cells] == ["ok", "error"]
    assert first.finished.record.cells[1].reason is Reason.DID_NOT_RUN
    check_that_the_next_run_does_the_rest(scenario, first)


def test_an_interrupted_answer_that_would_be_repeated_is_not_kept(scenario: Scenario) -> None:
    def raises_then_stops(side: FakeSide) -> Steps:
        """The first attempt raised; the user gives up before the second, which may not."""
        for step in good_cell(side):
            if side.manifest["phase"] == "load" and isinstance(step, bytes) and b'"done"' in step:
                error = b'{"type":"OSError","message":"flaky"}'
                yield step.replace(b'"returned"', b'"raised","final":false,"exception":' + error)
                interrupt()
                while True:
                    yield 0.01
            yield step
        return 0

    scenario.slots = 1
    first = scenario.run(some_cells(2), CASES, provider=FakeProvider(program=raises_then_stops))
    assert first.finished.record.counts.loads == 0
    check_that_the_next_run_does_the_rest(scenario, first)


def test_a_disk_that_is_full_ends_the_run_with_one_clear_error(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Path:
        msg = "the disk is full"
        raise StoreError(msg)

    monkeypatch.setattr("ckptmatrix.store.Store.add_checkpoint", full)
    finished = scenario.run(some_cells(2), CASES).finished
    assert isinstance(finished.failure, StoreError)
    assert str(finished.failure) == "the disk is full"
    assert finished.record.status == "failed"


@pytest.mark.parametrize("broken", [True, False], ids=["broken-store", "sound-store"])
def test_whatever_ends_a_run_what_had_an_answer_is_in_its_record(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    scenario.slots = 1
    keep, kept = Store.put_result, [0]

    def some(self: Store, key: str, attempts: Sequence[Done]) -> None:
        if kept[0] == SAVES + 4:
            if broken:
                monkeypatch.setattr(Store, "get_observations", refuse)
            msg = "a bug"
            raise RuntimeError(msg)
        kept[0] += 1
        keep(self, key, attempts)

    def refuse(*_: Any) -> dict[str, Any]:
        msg = "the disk is gone"
        raise StoreError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "put_result", some)
        first = scenario.run(some_cells(2), CASES).finished
    monkeypatch.undo()
    assert isinstance(first.failure, RuntimeError)
    assert first.record.status == "failed"
    assert len(first.record.outcomes) == LOADS
    told = Counter(o.judgement.reason for o in first.record.outcomes)
    assert told == ({Reason.DID_NOT_RUN: LOADS} if broken else {None: 4, Reason.DID_NOT_RUN: 44})
    second = scenario.run(some_cells(2), CASES).finished
    assert second.record.counts.loads == LOADS - 4
    assert (second.record.status, second.failure) == ("complete", None)


def test_a_bug_while_judging_leaves_the_cells(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        msg = "a bug"
        raise RuntimeError(msg)

    monkeypatch.setattr("ckptmatrix.run.assemble.judge_load", broken)
    finished = scenario.run(some_cells(2), CASES).finished
    assert str(finished.failure) == "a bug"
    assert finished.record.status == "failed"
    assert [cell.verdict for cell in finished.record.cells] == ["ok", "ok"]


def test_a_cancelled_run_is_interrupted(scenario: Scenario) -> None:
    cancel = threading.Event()
    cancel.set()
    ran = scenario.run(some_cells(2), CASES, cancel=cancel)
    assert (ran.finished.record.status, ran.provider.jobs) == ("interrupted", [])
    assert ran.finished.left == SAVES + LOADS
