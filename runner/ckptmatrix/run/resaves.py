"""Given files loaded in one cell and saved again there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ckptmatrix.run.given import given_case
from ckptmatrix.run.work import Work, work_off
from ckptmatrix.store.keys import SaveKey, digest
from ckptmatrix.wire import Source, Task
from ckptmatrix.words import Mode, Phase, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.run.given import GivenFile
    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.run.work import Seen
    from ckptmatrix.wire import Done

__all__ = ["Container", "Resave", "containers_of", "resave_given", "resaved_case"]

Container = Literal["zip", "legacy"]

#: What a re-save of a format can be written as, and how that is loaded. A file of torch.package is
#: not saved again: its code is its own.
_AFTER: dict[str, dict[Container, str]] = {
    "given_pickle": {"zip": "given_pickle", "legacy": "given_legacy"},
    "given_legacy": {"zip": "given_pickle", "legacy": "given_legacy"},
    "given_safetensors": {"zip": "given_pickle", "legacy": "given_legacy"},
    "given_dcp": {"zip": "given_pickle", "legacy": "given_legacy"},
    "given_torchscript": {"zip": "given_torchscript"},
    "given_export": {"zip": "given_export"},
}


class Resave(NamedTuple):
    """One re-save.

    Attributes:
        sha256: Digest of the file that is loaded.
        cell: Declared id of the cell that loads and saves it.
        mode: How it is loaded.
        container: What is written.
    """

    sha256: str
    cell: str
    mode: Mode
    container: Container


def containers_of(case: CaseInfo) -> tuple[Container, ...]:
    """What a file of a case can be saved as again, the usual first; none for some."""
    return tuple(_AFTER.get(case.name, {}))


def resaved_case(case: CaseInfo, container: Container) -> CaseInfo:
    """How a re-save is loaded.

    Raises:
        KeyError: Such a file is not saved again in that container.
    """
    return given_case(_AFTER[case.name][container])


def resave_given(
    setting: Setting,
    cells: Mapping[str, Usable],
    files: Iterable[GivenFile],
    resaves: Iterable[Resave],
    seen: Seen[Resave],
    *,
    name: str,
) -> None:
    """Load files and save them again; what comes of it lies in the store.

    Args:
        setting: The run's.
        cells: Declared id → usable cell.
        files: Those that the re-saves name.
        resaves: What to do.
        seen: Filled as answers come.
        name: What the jobs are called.
    """
    known = {file.checkpoint.sha256: file for file in files}
    keys = {
        resave: SaveKey(
            environment=cells[resave.cell].digest,
            case=digest(
                [known[resave.sha256].case.digest, resave.sha256, resave.mode, resave.container]
            ),
            observer=setting.observer,
            device="cpu",
            limits=setting.limits,
            timeout_s=setting.timeout_s,
        ).digest
        for resave in resaves
    }

    def after(resave: Resave) -> CaseInfo:
        return resaved_case(known[resave.sha256].case, resave.container)

    def task(resave: Resave, task_id: str) -> Task:
        file = known[resave.sha256]
        return Task(
            id=task_id,
            case=file.case.name,
            path=f"{task_id}/{after(resave).filename}",
            source=Source(
                path=file.place,
                sha256=resave.sha256,
                mode=resave.mode,
                container=resave.container,
            ),
            timeout_s=setting.timeout_s,
        )

    def inputs(resave: Resave) -> dict[str, Path]:
        file = known[resave.sha256]
        return {file.place: file.path.resolve()}

    def keep(resave: Resave, task: Task, attempts: tuple[Done, ...], output: Path) -> None:
        if (checkpoint := attempts[-1].checkpoint) is not None:
            setting.store.add_checkpoint(
                output / task.path, checkpoint, after(resave).filename, inside=output
            )
        if attempts[-1].result is not Result.INPUT_MISMATCH:
            setting.store.put_result(keys[resave], attempts)

    def holds(resave: Resave, attempts: tuple[Done, ...]) -> bool:
        checkpoint = attempts[-1].checkpoint
        return (
            checkpoint is None
            or setting.store.find_checkpoint(checkpoint.sha256, after(resave).filename) is not None
        )

    work = Work[Resave](
        phase=Phase.SAVE,
        keys=keys,
        where=lambda resave: (resave.cell, "cpu"),
        task=task,
        inputs=inputs,
        holds=holds,
        references=lambda _: (),
        keep=keep,
        name=name,
    )
    work_off(setting, cells, work, seen)
