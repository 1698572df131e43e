"""Loads of given files in every cell, and tries of a user's model: what is not known is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.run.phases import has_device
from ckptmatrix.run.work import Work, work_off
from ckptmatrix.store.keys import LoadKey, digest
from ckptmatrix.wire import Task
from ckptmatrix.words import Mode, Phase, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ckptmatrix.run.given import GivenFile
    from ckptmatrix.run.setting import Setting, Usable, UserModel
    from ckptmatrix.run.work import Seen
    from ckptmatrix.wire import Done

__all__ = ["Trial", "load_given"]


class Trial(NamedTuple):
    """One load of a given file.

    Attributes:
        sha256: Digest of the file.
        cell: Declared id of the cell.
        device: Where tensors are to live.
        mode: How it is loaded.
        fit: Whether what was loaded is put into the user's model.
    """

    sha256: str
    cell: str
    device: str
    mode: Mode
    fit: bool = False


def load_given(
    setting: Setting,
    cells: Mapping[str, Usable],
    files: Iterable[GivenFile],
    trials: Iterable[Trial],
    seen: Seen[Trial],
    *,
    name: str,
) -> None:
    """Load given files as trials say; those whose answer is in the store are not done again.

    Args:
        setting: The run's; its model is in the key of every trial.
        cells: Declared id → usable cell; trials of others are left out.
        files: Those that the trials name.
        trials: What to do.
        seen: Filled as answers come, also when the user interrupts.
        name: What the jobs are called.
    """
    known = {file.checkpoint.sha256: file for file in files}
    model = None if setting.model is None else _digest_of(setting.model)
    keys = {
        trial: LoadKey(
            checkpoint=trial.sha256,
            environment=cells[trial.cell].digest,
            case=digest([known[trial.sha256].case.digest, model, trial.fit]),
            observer=setting.observer,
            mode=trial.mode,
            device=trial.device,
            limits=setting.limits,
            timeout_s=setting.timeout_s,
        ).digest
        for trial in trials
        if trial.cell in cells and has_device(cells[trial.cell].facts, trial.device)
    }

    def task(trial: Trial, task_id: str) -> Task:
        file = known[trial.sha256]
        return Task(
            id=task_id,
            case=file.case.name,
            mode=trial.mode,
            path=file.place,
            sha256=trial.sha256,
            fit=trial.fit,
            timeout_s=setting.timeout_s,
        )

    def inputs(trial: Trial) -> dict[str, Path]:
        file = known[trial.sha256]
        return {file.place: file.path.resolve()}

    def keep(trial: Trial, _task: Task, attempts: tuple[Done, ...], _output: Path) -> None:
        if attempts[-1].result is not Result.INPUT_MISMATCH:
            setting.store.put_result(keys[trial], attempts)

    work = Work[Trial](
        phase=Phase.LOAD,
        keys=keys,
        where=lambda trial: (trial.cell, trial.device),
        task=task,
        inputs=inputs,
        holds=lambda _trial, _attempts: True,
        references=lambda _trial: (),
        keep=keep,
        name=name,
    )
    work_off(setting, cells, work, seen)


def _digest_of(model: UserModel) -> str:
    """What of a model can change an answer: its file's text, its names."""
    text = model.file.read_bytes().decode("utf-8", "backslashreplace")
    return digest([text, model.module, model.factory])
