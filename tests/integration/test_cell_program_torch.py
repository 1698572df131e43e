"""The cell program with a real torch: forks, parallel operations, modes, memory.

``CKPTMATRIX_TEST_ENVS`` names interpreters that have torch, separated by colons.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cell_jobs import CellFolders, JobRun, torch_interpreters
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.wire import Done, Limits, Manifest, Task, UserCases
from ckptmatrix.words import Mode, Phase, Result, Stage

pytestmark = pytest.mark.skipif(
    not torch_interpreters(), reason="CKPTMATRIX_TEST_ENVS names no interpreter with torch"
)

CASES = Path(__file__).parents[1] / "fixtures" / "torch_cases.py"
USER_CASES = (UserCases(module="ckptcell_user_torch", path="cases/torch.py"),)
LIMITS = Limits(memory_bytes=1_000_000_000, grace_s=0.2)
MODES = tuple(mode for mode in Mode if not mode.is_cure)
PAIR = (Mode.MAPPED, Mode.TRUSTED)
#: Case → the modes it is loaded in, all from the checkpoint of ``state``.
LOADED = {
    "state": MODES,
    "parallel": PAIR,
    "poisons": (Mode.PLAIN, Mode.MAPPED),
    "changes_the_default": PAIR,
    "asks_for_too_much": PAIR,
    "grows_too_large": PAIR,
    "warns_once": PAIR,
    "raises": PAIR,
}
ASK = """\
import inspect, json, torch
print(json.dumps({
    "torch": torch.__version__, "parameters": sorted(inspect.signature(torch.load).parameters),
}))
"""
GROW_THREADS_AND_FORK = """\
import sys, torch
sys.path.insert(0, sys.argv[1])
from ckptcell import children, kernel
from ckptcell.errors import ForkUnsafe
before = kernel.thread_count()
torch.set_num_threads(4)
big = torch.ones(1024, 1024)
big.exp().sum(), torch.mm(big, big)
setup = {"isolation": "fork", "limits": {"result_bytes": 1000}}
try:
    children.Child(setup, before, [])
except ForkUnsafe as error:
    print("refused:", error, kernel.thread_count() - before)
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one torch answered."""

    interpreter: str
    program: Path
    torch: str
    parameters: list[str]
    saves: JobRun
    loads: JobRun

    def attempts(self, case: str, mode: Mode) -> list[Done]:
        task = case.replace("_", "") + mode
        return [done for key, done in sorted(self.loads.dones.items()) if key[0] == task]


@pytest.fixture(scope="module", params=torch_interpreters())
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    program = build_cell_program(tmp_path_factory.mktemp("program"))
    cell = CellFolders(
        interpreter=request.param, program=[str(program)], root=tmp_path_factory.mktemp("cell")
    )
    (cell.input / "cases").mkdir()
    shutil.copy(CASES, cell.input / "cases" / "torch.py")
    saved = ("state", "parallel", "misses_a_feature")
    saves = cell.run(
        Manifest(
            phase=Phase.SAVE,
            user_cases=USER_CASES,
            limits=LIMITS,
            tasks=tuple(
                Task(id=case.replace("_", ""), case=case, path=f"{case}/saved.pt") for case in saved
            ),
        )
    )
    checkpoint = saves.dones["state", 1].checkpoint
    assert checkpoint is not None, saves.dones
    shutil.copy(cell.output / "state" / "saved.pt", cell.input / "saved.pt")
    loads = cell.run(
        Manifest(
            phase=Phase.LOAD,
            user_cases=USER_CASES,
            limits=LIMITS,
            tasks=tuple(
                Task(
                    id=case.replace("_", "") + mode,
                    case=case,
                    mode=mode,
                    path="saved.pt",
                    sha256=checkpoint.sha256,
                    like=saves.dones["parallel" if case == "parallel" else "state", 1].observation,
                    timeout_s=30,
                )
                for case, modes in LOADED.items()
                for mode in modes
            ),
        )
    )
    asked = subprocess.run([request.param, "-c", ASK], capture_output=True, check=True)
    return Seen(
        interpreter=request.param,
        program=program,
        saves=saves,
        loads=loads,
        **json.loads(asked.stdout.splitlines()[-1]),
    )


def test_facts_name_the_torch(seen: Seen, capsys: pytest.CaptureFixture[str]) -> None:
    facts = seen.saves.facts
    assert (seen.saves.code, seen.loads.code) == (0, 0), seen.loads.stderr
    assert facts.torch == seen.torch
    assert facts.torch_git
    assert facts.torch_config
    assert facts.numpy
    assert facts.threads == 1
    assert "torch" in {package.name for package in facts.packages}
    assert facts == seen.loads.facts
    with capsys.disabled():
        sys.stdout.write(f"\n  python {facts.python}, torch {facts.torch}\n")


def test_every_mode_answers_as_the_environment_can(seen: Seen) -> None:
    missing = {
        Mode.RESTRICTED: "weights_only" not in seen.parameters,
        Mode.MMAP: "mmap" not in seen.parameters,
    }
    like = seen.saves.dones["state", 1].observation
    for mode in MODES:
        (done,) = seen.attempts("state", mode)
        if missing.get(mode):
            assert (done.result, done.stage) == (Result.UNSUPPORTED, Stage.LOAD)
            assert "torch.load has no" in done.detail
        else:
            assert (done.result, done.stage) == (Result.RETURNED, Stage.RESUME)
            assert done.observation == like


def test_a_child_runs_parallel_operations(seen: Seen) -> None:
    assert seen.saves.dones["parallel", 1].result is Result.RETURNED
    for mode in PAIR:
        assert seen.attempts("parallel", mode)[-1].result is Result.RETURNED


def test_forking_after_a_parallel_operation_is_refused(seen: Seen) -> None:
    done = subprocess.run(
        [seen.interpreter, "-c", GROW_THREADS_AND_FORK, str(seen.program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("refused:"), done.stderr


@pytest.mark.parametrize("case", ["poisons", "changes_the_default", "warns_once"])
def test_modes_answer_as_in_a_fresh_process(seen: Seen, case: str) -> None:
    first, second = (seen.attempts(case, mode)[0] for mode in LOADED[case])
    assert (first.isolation, second.isolation) == ("alone", "alone")
    assert second.observation == seen.saves.dones["state", 1].observation
    told = [[w for w in done.warnings if w.message == "only once"] for done in (first, second)]
    assert told[0] == told[1]


@pytest.mark.parametrize("case", ["asks_for_too_much", "grows_too_large"])
def test_memory_runs_out_with_a_clean_error(seen: Seen, case: str) -> None:
    for mode in PAIR:
        for done in seen.attempts(case, mode):
            assert (done.result, done.stage, done.oom) == (Result.RAISED, Stage.LOAD, True)
            assert done.exception is not None


def test_a_missing_feature_is_named(seen: Seen) -> None:
    done = seen.saves.dones["missesafeature", 1]
    assert (done.result, done.stage) == (Result.UNSUPPORTED, Stage.SAVE)
    assert "torch.no_such_dtype" in done.detail


def test_a_traceback_says_nothing_of_the_machine(seen: Seen) -> None:
    exception = seen.attempts("raises", Mode.MAPPED)[0].exception
    assert exception is not None
    assert "torch/serialization.py:" in exception.traceback
    assert "/site-packages" not in exception.traceback
