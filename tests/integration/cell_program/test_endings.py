"""A job whose supervisor, standard input or reader goes away ends and leaves nothing."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from cell_jobs import CellFolders, is_running
from torchless_jobs import load_of

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_job_whose_supervisor_is_killed_just_ends(cell: CellFolders) -> None:
    job = cell.run(load_of("kills_its_parent"))
    assert job.code == -signal.SIGKILL
    assert [event.event for event in job.events] == ["hello", "started"]
    child = int((cell.scratch / "child").read_text(encoding="utf-8"))
    assert until(lambda: not is_running(child))


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_closing_standard_input_ends_everything(cell: CellFolders, isolation: str) -> None:
    cell = CellFolders(
        interpreter=cell.interpreter,
        program=cell.program,
        root=cell.root,
        environ={"CKPTCELL_ISOLATION": isolation},
    )
    process = cell.start(load_of("waits_to_be_killed").model_dump_json().encode())
    left = cell.scratch / "left-plain"
    assert until(lambda: left.is_file() and bool(left.read_text(encoding="utf-8")))
    assert process.stdin is not None
    process.stdin.close()
    closed = time.monotonic()
    job = cell.finish(process, closed)
    assert job.code == 4, job.stderr
    assert job.seconds < 2
    assert job.events[-1].event == "started"
    assert not is_running(int(left.read_text(encoding="utf-8")))


def test_a_reader_that_goes_away_ends_the_job(cell: CellFolders) -> None:
    process = cell.start(load_of("hangs").model_dump_json().encode())
    assert process.stdout is not None
    process.stdout.close()
    with process:
        assert process.wait(20) == 4


def test_being_asked_to_end_leaves_nothing(cell: CellFolders) -> None:
    process = cell.start(load_of("waits_to_be_killed").model_dump_json().encode())
    left = cell.scratch / "left-plain"
    assert until(lambda: left.is_file() and bool(left.read_text(encoding="utf-8")))
    process.terminate()
    job = cell.finish(process, time.monotonic())
    assert job.code == 128 + signal.SIGTERM
    assert not is_running(int(left.read_text(encoding="utf-8")))
