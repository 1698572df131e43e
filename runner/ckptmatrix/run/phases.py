"""The two phases that cost: every producer saves, then every consumer loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.plan import Load, Save
from ckptmatrix.run.work import Seen, Work, work_off
from ckptmatrix.store.keys import LoadKey, SaveKey
from ckptmatrix.wire import Task
from ckptmatrix.words import Phase, Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ckptmatrix.plan import Plan
    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.wire import Checkpoint, Done, Facts

__all__ = ["Seen", "has_device", "load_all", "save_all"]


def save_all(setting: Setting, plan: Plan, cells: Mapping[str, Usable], saved: Seen[Save]) -> None:
    """Have every usable producer save every case that is not in the store.

    Args:
        setting: The run's.
        plan: What to do, in declared ids.
        cells: Declared id → usable cell.
        saved: Filled as answers come, also when the user interrupts.
    """
    keys = {
        save: SaveKey(
            environment=cells[save.producer].digest,
            case=plan.case(save.case).digest,
            observer=setting.observer,
            device=save.device,
            limits=setting.limits,
            timeout_s=setting.timeout_s,
        ).digest
        for save in plan.saves()
        if save.producer in cells and has_device(cells[save.producer].facts, save.device)
    }

    def keep(save: Save, task: Task, attempts: tuple[Done, ...], output: Path) -> None:
        if (checkpoint := attempts[-1].checkpoint) is not None:
            setting.store.add_checkpoint(
                output / task.path, checkpoint, plan.case(save.case).filename, inside=output
            )
        setting.store.put_result(keys[save], attempts)

    def task(save: Save, task_id: str) -> Task:
        path = f"{task_id}/{plan.case(save.case).filename}"
        return Task(id=task_id, case=save.case, path=path, timeout_s=setting.timeout_s)

    def holds(save: Save, attempts: tuple[Done, ...]) -> bool:
        checkpoint = attempts[-1].checkpoint
        filename = plan.case(save.case).filename
        return (
            checkpoint is None
            or setting.store.find_checkpoint(checkpoint.sha256, filename) is not None
        )

    work = Work[Save](
        phase=Phase.SAVE,
        keys=keys,
        where=lambda save: (save.producer, save.device),
        task=task,
        inputs=lambda _: {},
        holds=holds,
        references=lambda _: (),
        keep=keep,
    )
    work_off(setting, cells, work, saved)


def load_all(
    setting: Setting,
    plan: Plan,
    cells: Mapping[str, Usable],
    saved: Seen[Save],
    loaded: Seen[Load],
) -> None:
    """Have every usable consumer load every checkpoint in every mode that is not in the store.

    Args:
        setting: The run's.
        plan: What to do, in declared ids.
        cells: Declared id → usable cell.
        saved: What :func:`save_all` saw.
        loaded: Filled as answers come, also when the user interrupts.
    """
    sources: dict[Load, tuple[Checkpoint, Done]] = {}
    for load in plan.loads():
        attempts = saved.attempts.get(load.source)
        consumer = cells.get(load.consumer)
        if attempts and consumer is not None and has_device(consumer.facts, load.device):
            checkpoint = attempts[-1].checkpoint
            if checkpoint is not None:
                sources[load] = (checkpoint, attempts[-1])
    keys = {
        load: LoadKey(
            checkpoint=checkpoint.sha256,
            environment=cells[load.consumer].digest,
            case=plan.case(load.case).digest,
            observer=setting.observer,
            mode=load.mode,
            device=load.device,
            limits=setting.limits,
            timeout_s=setting.timeout_s,
        ).digest
        for load, (checkpoint, _) in sources.items()
    }

    def path_of(load: Load) -> str:
        return f"{sources[load][0].sha256}/{plan.case(load.case).filename}"

    def task(load: Load, task_id: str) -> Task:
        checkpoint, source = sources[load]
        return Task(
            id=task_id,
            case=load.case,
            mode=load.mode,
            path=path_of(load),
            sha256=checkpoint.sha256,
            like=source.observation,
            timeout_s=setting.timeout_s,
        )

    def inputs(load: Load) -> dict[str, Path]:
        sha256, filename = sources[load][0].sha256, plan.case(load.case).filename
        path = setting.store.find_checkpoint(sha256, filename)
        return {} if path is None else {path_of(load): path}

    def keep(load: Load, _task: Task, attempts: tuple[Done, ...], _output: Path) -> None:
        if attempts[-1].result is Result.INPUT_MISMATCH:
            # Removes it when the store's copy is the damaged one, so that it is saved anew.
            checkpoint, filename = sources[load][0], plan.case(load.case).filename
            setting.store.checkpoints.verified(checkpoint.sha256, filename)
        else:
            setting.store.put_result(keys[load], attempts)

    work = Work[Load](
        phase=Phase.LOAD,
        keys=keys,
        where=lambda load: (load.consumer, load.device),
        task=task,
        inputs=inputs,
        holds=lambda _load, _attempts: True,
        references=lambda load: (sources[load][1].observation,),
        keep=keep,
    )
    work_off(setting, cells, work, loaded)


def has_device(facts: Facts, device: str) -> bool:
    """Whether a cell can put tensors on ``cpu``, ``cuda`` or ``cuda:1``."""
    if not device.startswith("cuda"):
        return True
    return len(facts.gpus) > int(device.partition(":")[2] or 0)
