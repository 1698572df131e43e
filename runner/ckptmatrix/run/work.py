"""What a phase has to do: looked up, and what is not known done in one job a cell and device."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ckptmatrix.errors import CellError
from ckptmatrix.run.jobs import run_tasks
from ckptmatrix.run.room import believable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.wire import Done, Task
    from ckptmatrix.words import Phase

__all__ = ["Seen", "Work", "work_off"]

What = TypeVar("What", bound=tuple[Any, ...])


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
class Work(Generic[What]):
    """What differs between saving, loading and loading what was given.

    Attributes:
        phase: Save or load.
        keys: What is to be done → the key of its result. Equal keys are done once.
        where: Declared cell id and device it runs at.
        task: Its task, given an id.
        inputs: Files its task reads.
        holds: Whether the file that a known result stands for is still there.
        references: Digests of the observations that it is compared with.
        keep: Called with its task, attempts and the job's output folder before they are noted.
        name: What its jobs are called; the phase when it is empty.
    """

    phase: Phase
    keys: Mapping[What, str]
    where: Callable[[What], tuple[str, str]]
    task: Callable[[What, str], Task]
    inputs: Callable[[What], Mapping[str, Path]]
    holds: Callable[[What, tuple[Done, ...]], bool]
    references: Callable[[What], tuple[str | None, ...]]
    keep: Callable[[What, Task, tuple[Done, ...], Path], None]
    name: str = ""

    @property
    def label(self) -> str:
        """What its jobs and its part of the progress are called."""
        return self.name or self.phase.value


def work_off(
    setting: Setting, cells: Mapping[str, Usable], work: Work[What], seen: Seen[What]
) -> None:
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
    setting.board.phase(work.label, len(work.keys))
    setting.board.step(len(work.keys.keys() & seen.reused))

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

        setting.board.doing(usable.cell.id, f"{work.label} {len(same)} on {device}")
        lost, started = run_tasks(
            setting,
            usable.environment,
            name=f"{usable.cell.id}-{device.replace(':', '')}-{work.label}",
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
