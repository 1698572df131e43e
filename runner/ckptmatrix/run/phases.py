"""The two phases that cost: every producer saves, then every consumer loads."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ckptmatrix.errors import CellError
from ckptmatrix.plan import Load, Save
from ckptmatrix.run.jobs import run_tasks
from ckptmatrix.run.room import believable
from ckptmatrix.store.keys import LoadKey, SaveKey
from ckptmatrix.wire import Task
from ckptmatrix.words import Phase, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.plan import Plan
    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.wire import Checkpoint, Done, Facts

__all__ = ["Seen", "has_device", "load_all", "save_all"]

What = TypeVar("What", Save, Load)


@dataclass(kw_only=True)
class Seen(Generic[What]):
    """What a phase saw, for every save or load that came to an answer.

    Attributes:
        attempts: What was seen.
        errors: Those that infrastructure kept from an answer, and why.
        reused: Those whose answer was known before.
        observations: What known answers name, by digest, so that judging need not read it again.
        jobs: Starts of the cell program.
        tasks: Saves or loads answered by those jobs.
    """

    attempts: dict[What, tuple[Done, ...]] = field(default_factory=dict)
    errors: dict[What, CellError] = field(default_factory=dict)
    reused: set[What] = field(default_factory=set)
    observations: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: int = 0
    tasks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, kw_only=True)
class _Work(Generic[What]):
    """What differs between saving and loading.

    Attributes:
        phase: Save or load.
        keys: What is to be done → the key of its result. Equal keys are done once.
        where: Declared cell id and device it runs at.
        task: Its task, given an id.
        inputs: Files its task reads.
        holds: Whether the file that a known result stands for is still there.
        references: Digests of the observations that it is compared with.
        keep: Called with its task, attempts and the job's output folder before they are noted.
    """

    phase: Phase
    keys: Mapping[What, str]
    where: Callable[[What], tuple[str, str]]
    task: Callable[[What, str], Task]
    inputs: Callable[[What], Mapping[str, Path]]
    holds: Callable[[What, tuple[Done, ...]], bool]
    references: Callable[[What], tuple[str | None, ...]]
    keep: Callable[[What, Task, tuple[Done, ...], Path], None]


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

    work = _Work[Save](
        phase=Phase.SAVE,
        keys=keys,
        where=lambda save: (save.producer, save.device),
        task=task,
        inputs=lambda _: {},
        holds=holds,
        references=lambda _: (),
        keep=keep,
    )
    _do(setting, cells, work, saved)


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

    work = _Work[Load](
        phase=Phase.LOAD,
        keys=keys,
        where=lambda load: (load.consumer, load.device),
        task=task,
        inputs=inputs,
        holds=lambda _load, _attempts: True,
        references=lambda load: (sources[load][1].observation,),
        keep=keep,
    )
    _do(setting, cells, work, loaded)


def _do(setting: Setting, cells: Mapping[str, Usable], work: _Work[What], seen: Seen[What]) -> None:
    """Look up what is known, and start one job for each cell and device where something is not."""
    known = {} if setting.fresh else setting.store.get_results(list(work.keys.values()))
    named = {
        what: _named(known[key], work.references(what))
        for what, key in work.keys.items()
        if key in known
    }
    seen.observations.update(setting.store.get_observations(chain.from_iterable(named.values())))
    todo: dict[tuple[str, str], dict[str, list[What]]] = defaultdict(lambda: defaultdict(list))
    for what, key in work.keys.items():
        attempts = known.get(key)
        readable = attempts is not None and named[what] <= seen.observations.keys()
        if attempts is not None and readable and work.holds(what, attempts):
            seen.attempts[what] = attempts
            seen.reused.add(what)
        else:
            todo[work.where(what)][key].append(what)
    setting.board.phase(work.phase.value, len(work.keys))
    setting.board.step(len(seen.reused))

    def one(place: tuple[str, str]) -> None:
        usable, device = cells[place[0]], place[1]
        same = {f"t{i}": equals for i, equals in enumerate(todo[place].values())}
        inputs: dict[str, Path] = {}
        for equals in same.values():
            inputs.update(work.inputs(equals[0]))

        def final(task: Task, attempts: tuple[Done, ...], output: Path) -> None:
            try:
                believable(attempts, setting.scratch)
                work.keep(same[task.id][0], task, attempts, output)
            except CellError as refused:
                with seen.lock:
                    seen.errors.update(dict.fromkeys(same[task.id], refused))
                return
            with seen.lock:
                seen.attempts.update(dict.fromkeys(same[task.id], attempts))
                seen.tasks += len(same[task.id])
            setting.board.step(len(same[task.id]))

        setting.board.doing(usable.cell.id, f"{work.phase.value} {len(same)} on {device}")
        lost, started = run_tasks(
            setting,
            usable.environment,
            name=f"{usable.cell.id}-{device.replace(':', '')}-{work.phase.value}",
            phase=work.phase,
            device=device,
            tasks=[work.task(equals[0], task_id) for task_id, equals in same.items()],
            inputs=inputs,
            expected=usable.facts,
            on_final=final,
        )
        with seen.lock:
            seen.jobs += started
            for task_id, error in lost.items():
                seen.errors.update(dict.fromkeys(same[task_id], error))
        setting.board.doing(usable.cell.id, "")

    setting.engine.each(list(todo), one, cancel=setting.cancel)


def _named(attempts: tuple[Done, ...], references: tuple[str | None, ...]) -> set[str]:
    """Observations without which an answer cannot be judged."""
    digests = chain((attempt.observation for attempt in attempts), references)
    return {digest for digest in digests if digest is not None}


def has_device(facts: Facts, device: str) -> bool:
    """Whether a cell can put tensors on ``cpu``, ``cuda`` or ``cuda:1``."""
    if not device.startswith("cuda"):
        return True
    return len(facts.gpus) > int(device.partition(":")[2] or 0)
