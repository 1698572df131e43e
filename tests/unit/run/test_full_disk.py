from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ckptmatrix.run.room import TO_BELIEVE, TO_START
from ckptmatrix.words import Reason, Verdict
from fakes import Behaviour, FakeProvider, FakeSide
from scenario import a_cell, some_cells, when, with_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenario import Scenario


class Usage(NamedTuple):
    """What ``shutil.disk_usage`` gives."""

    total: int
    used: int
    free: int


def on_a_disk(monkeypatch: pytest.MonkeyPatch, free: Callable[[], int]) -> None:
    def usage(_: object) -> Usage:
        return Usage(10**12, 10**12 - free(), free())

    monkeypatch.setattr("ckptmatrix.run.room.shutil.disk_usage", usage)


@pytest.mark.parametrize("phase", ["save", "load"])
def test_what_fails_on_a_full_disk_is_an_error_and_done_again(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    cell = a_cell(1)
    free = [TO_START]

    def fills(side: FakeSide, event: dict[str, Any]) -> dict[str, Any] | None:
        if when(event, "hello", side, phase):
            free[0] = TO_BELIEVE - 1
        if when(event, "done", side, phase) and event["task"] == "t1":
            error = {"type": "RuntimeError", "message": "unexpected pos 64 vs 0"}
            lost = {"result": "raised", "stage": phase, "exception": error}
            return {**event, **lost, "observation": None, "checkpoint": None}
        return None

    on_a_disk(monkeypatch, lambda: free[0])
    ran = scenario.run([cell], provider=FakeProvider(program=with_events(fills)))
    concerned = [o.judgement for o in ran.finished.record.outcomes if o.judgement.reason]
    assert {(j.verdict, j.reason) for j in concerned} == {("error", "host_full")}
    free[0] = TO_START
    again = scenario.run([cell])
    assert again.words() == {("ok", None)}
    assert len(again.tasks(phase)) == 1


def test_no_job_is_started_on_a_full_disk(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_disk(monkeypatch, lambda: TO_START - 1)
    ran = scenario.run(some_cells(1))
    assert ran.provider.jobs == []
    (cell,) = ran.finished.record.cells
    assert (cell.verdict, cell.reason) == (Verdict.ERROR, Reason.HOST_FULL)
    for part in (str(ran.log.parent), "256.0 MB free", "256.0 MB are needed", "TMPDIR"):
        assert part in cell.message
    assert ran.words() == {("error", "host_full")}


def test_a_cell_that_finds_its_disk_full_is_believed_that(scenario: Scenario) -> None:
    full = "OSError: [Errno 28] No space left on device"
    provider = FakeProvider({a_cell(1).id: Behaviour(save_raises={"one": full})})
    ran = scenario.run(some_cells(1), provider=provider)
    save = ran.save(a_cell(1), "one")
    assert (save.verdict, save.reason) == (Verdict.ERROR, Reason.HOST_FULL)
    assert ran.words(case="one") == {("error", "host_full")}
    assert scenario.run(some_cells(1)).words() == {("ok", None)}


def test_a_case_may_ask_for_a_full_disk(scenario: Scenario) -> None:
    full = "OSError: [Errno 28] No space left on device: '/dev/full'"
    provider = FakeProvider({a_cell(1).id: Behaviour(save_raises={"one": full})})
    ran = scenario.run(some_cells(1), provider=provider)
    save = ran.save(a_cell(1), "one")
    assert (save.verdict, save.reason) == (Verdict.FAILED, Reason.DISK_FULL)
    assert ran.words(case="one") == {("aborted", "save_failed")}
