"""However a job is started, it answers alike, or says what it does not understand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cell_jobs import CellFolders
from ckptmatrix.wire import Manifest, Task
from ckptmatrix.words import Mode, Phase, Result
from torchless_jobs import LIMITS, USER_CASES, load_of, task_id

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"what?", "not JSON"),
        (b'{"protocol": 2}', "protocol 2"),
        (b'{"protocol": 1, "phase": "load", "surprise": 1}', "surprise"),
    ],
)
def test_a_manifest_it_does_not_understand(cell: CellFolders, line: bytes, said: str) -> None:
    job = cell.finish(cell.start(line), time.monotonic())
    assert (job.code, job.events) == (2, [])
    assert said in job.stderr
    assert "Traceback" not in job.stderr


def test_everything_is_repeated_when_asked_for(cell: CellFolders) -> None:
    job = cell.run(load_of("exits_hard", repeat=True))
    assert [key[1] for key in job.dones] == [1, 2]
    assert {done.isolation for done in job.dones.values()} == {"alone"}


def test_spawned_children_answer_like_forked_ones(cell: CellFolders) -> None:
    spawning = CellFolders(
        interpreter=cell.interpreter,
        program=cell.program,
        root=cell.root,
        environ={"CKPTCELL_ISOLATION": "spawn"},
    )
    tasks = tuple(
        Task(id=task_id(case, mode), case=case, mode=Mode(mode), path="checkpoint", timeout_s=5)
        for case in ("sees_conditions", "aborts", "prints")
        for mode in ("plain", "mapped")
    )
    manifest = Manifest(phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=tasks)
    forked, spawned = cell.run(manifest), spawning.run(manifest)
    assert spawned.facts.isolation == "spawn"
    assert spawned.facts.model_copy(update={"isolation": "fork"}) == forked.facts
    timing = {"seconds": 0.0, "peak_rss_bytes": 0}
    assert [done.model_copy(update=timing) for done in spawned.dones.values()] == [
        done.model_copy(update=timing) for done in forked.dones.values()
    ]


def test_a_relative_path_and_set_conditions_need_no_second_start(
    cell: CellFolders, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program.parent)
    relative = CellFolders(
        interpreter=cell.interpreter,
        program=[program.name],
        root=cell.root,
        environ={"HOME": str(cell.scratch / "home")},
    )
    job = relative.run(load_of("sees_conditions"))
    assert job.code == 0, job.stderr
    assert job.dones["one", 1].result is Result.RETURNED
