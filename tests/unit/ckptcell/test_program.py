"""A whole job in the current Python; ``tests/integration`` has every Python and every misdeed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cell_jobs import CellFolders
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.wire import Bye, Manifest, Task, UserCases
from ckptmatrix.words import Mode, Phase, Result

CASES = Path(__file__).parents[2] / "fixtures" / "torchless_cases.py"
USER_CASES = (UserCases(module="ckptcell_user_torchless", path="cases.py"),)


@pytest.fixture
def cell(tmp_path: Path) -> CellFolders:
    made = CellFolders(
        interpreter=sys.executable, program=[str(build_cell_program(tmp_path))], root=tmp_path
    )
    shutil.copy(CASES, made.input / "cases.py")
    return made


def test_a_probe_says_hello_and_goodbye(cell: CellFolders) -> None:
    job = cell.run(Manifest(phase=Phase.PROBE))
    assert (job.code, [event.event for event in job.events]) == (0, ["hello", "bye"])
    assert job.facts.executable


def test_what_is_saved_is_loaded(cell: CellFolders) -> None:
    save = Task(id="a", case="good", path="deep/down/saved")
    saved = cell.run(Manifest(phase=Phase.SAVE, user_cases=USER_CASES, tasks=(save,))).dones["a", 1]
    assert saved.result is Result.RETURNED
    assert saved.checkpoint is not None
    shutil.copytree(cell.output / "deep", cell.input / "deep")
    loads = tuple(
        Task(
            id=mode,
            case=case,
            mode=mode,
            path="deep/down/saved",
            sha256=saved.checkpoint.sha256,
            like=saved.observation,
        )
        for case, mode in (("good", Mode.PLAIN), ("good", Mode.MAPPED), ("aborts", Mode.TRUSTED))
    )
    job = cell.run(Manifest(phase=Phase.LOAD, user_cases=USER_CASES, tasks=loads))
    assert job.events[-1] == Bye(event="bye", tasks=3)
    assert {key: (done.result, done.isolation) for key, done in job.dones.items()} == {
        ("plain", 1): (Result.RETURNED, "alone"),
        ("mapped", 1): (Result.RETURNED, "shared"),
        ("trusted", 1): (Result.DIED, "alone"),
    }
    assert list(job.observations) == [saved.observation]


def test_a_file_that_is_not_the_one_meant_is_not_loaded(cell: CellFolders) -> None:
    (cell.input / "saved").write_bytes(b"another")
    task = Task(id="a", case="good", mode=Mode.PLAIN, path="saved", sha256="0" * 64)
    done = cell.run(Manifest(phase=Phase.LOAD, user_cases=USER_CASES, tasks=(task,))).dones["a", 1]
    assert done.result is Result.INPUT_MISMATCH
    assert done.observation is None
