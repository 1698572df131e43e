"""Jobs of the cell program over cases that need no torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.wire import Done, Limits, Manifest, Task, UserCases
from ckptmatrix.words import Mode, Phase

if TYPE_CHECKING:
    from cell_jobs import CellFolders, JobRun

__all__ = [
    "CASES",
    "LIMITS",
    "LOADED",
    "SAVED",
    "USER_CASES",
    "Survey",
    "load_of",
    "survey_of",
    "task_id",
]

CASES = Path(__file__).parent / "fixtures" / "torchless_cases.py"
USER_CASES = (UserCases(module="ckptcell_user_torchless", path="cases/torchless.py"),)
LIMITS = Limits(
    memory_bytes=200_000_000,
    output_bytes=1_000_000,
    result_bytes=100_000,
    file_bytes=4_000_000,
    grace_s=0.2,
)
SAVED = (
    "good",
    "trained",
    "hides_its_state",
    "shows_its_state",
    "folder",
    "never_saved",
    "cannot_save",
    "needs",
    "too_large_a_file",
)
#: Case → modes; each case has a checkpoint of its own, so its modes share a child.
LOADED = {
    "good": ("plain", "mapped", "trusted"),
    "trained": ("plain",),
    "hides_its_state": ("plain", "trusted"),
    "shows_its_state": ("plain", "mmap", "trusted"),
    "folder": ("plain",),
    "needs": ("plain",),
    "raises": ("plain", "mapped"),
    "aborts": ("plain", "mapped"),
    "hangs": ("plain", "mapped"),
    "hangs_on": ("plain",),
    "floods": ("plain",),
    "prints": ("plain", "mapped"),
    "hogs": ("plain", "mapped"),
    "exits": ("plain",),
    "exits_hard": ("plain",),
    "leaves_a_process": ("plain", "mapped"),
    "leaves_a_thread": ("plain", "mapped"),
    "poisons": ("plain", "mapped"),
    "rewrites": ("plain", "mapped"),
    "forges": ("plain", "mapped"),
    "deaf": ("plain",),
    "warns": ("plain", "mapped"),
    "reports_too_much": ("plain", "mapped"),
    "reports_nonsense": ("plain",),
    "forward_fails": ("plain",),
    "no_such_mode": ("plain", "mapped"),
    "sees_conditions": ("plain",),
    "no_such_case": ("plain",),
}


def task_id(case: str, mode: str = "") -> str:
    """What a task is called in the manifest."""
    return (case + mode).replace("_", "")[:32]


def load_of(case: str, **fields: object) -> Manifest:
    """A job of one load; ``fields`` are of its manifest."""
    task = Task(id="one", case=case, mode=Mode.PLAIN, path="checkpoint")
    return Manifest(
        phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=(task,)
    ).model_copy(update=fields)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All saves and loads in one interpreter."""

    version: str
    cell: CellFolders
    saves: JobRun
    loads: JobRun

    def saved(self, case: str) -> Done:
        """The end of a save."""
        return self.saves.dones[task_id(case), 1]

    def attempts(self, case: str, mode: str = "plain") -> list[Done]:
        """The ends of all attempts at a load, the first one first."""
        dones = self.loads.dones
        return [dones[key] for key in sorted(dones) if key[0] == task_id(case, mode)]

    def only(self, case: str, mode: str = "plain") -> Done:
        """The end of a load that was attempted once."""
        (done,) = self.attempts(case, mode)
        return done


def survey_of(version: str, cell: CellFolders) -> Survey:
    """Save and load every case in the interpreter of these folders; it takes seconds."""
    (cell.input / "cases").mkdir()
    shutil.copy(CASES, cell.input / "cases" / "torchless.py")
    saves = cell.run(
        Manifest(
            phase=Phase.SAVE,
            user_cases=USER_CASES,
            limits=LIMITS,
            tasks=tuple(Task(id=task_id(case), case=case, path=f"{case}/saved") for case in SAVED),
        )
    )
    good = saves.dones["good", 1]
    assert good.checkpoint is not None
    tasks = []
    for case, modes in LOADED.items():
        source = cell.output / (case if case in ("trained", "folder") else "good") / "saved"
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, cell.input / case)
        reference = saves.dones.get((task_id(case), 1))
        saved = (reference and reference.checkpoint) or good.checkpoint
        tasks += [
            Task(
                id=task_id(case, mode),
                case=case,
                mode=Mode(mode),
                path=case,
                sha256=saved.sha256,
                like=(reference and reference.observation) or good.observation,
                timeout_s=1.0 if case in ("hangs", "hangs_on") else 20.0,
            )
            for mode in modes
        ]
    loads = cell.run(
        Manifest(phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=tuple(tasks))
    )
    return Survey(version=version, cell=cell, saves=saves, loads=loads)
