"""Runs one job to its end, again when the cell program was lost, and hands results on."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled, Ending, Job, JobEnd
from ckptmatrix.run.room import TO_START, require_room
from ckptmatrix.run.stream import JobStream
from ckptmatrix.store.keys import environment_parts
from ckptmatrix.wire import Facts, Manifest, Model, UserCases
from ckptmatrix.words import Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.providers.base import Environment
    from ckptmatrix.run.setting import Setting
    from ckptmatrix.wire import Done, Task

    OnFinal = Callable[[Task, tuple[Done, ...], Path], None]

__all__ = ["LostTasks", "probe", "run_tasks"]

#: How often a task may take the cell program down with it before it is left out.
LOSSES = 2
#: Seconds a job may take beyond what its tasks may.
START_S = 180.0

LostTasks = dict[str, CellError]


def probe(setting: Setting, environment: Environment, name: str) -> Facts:
    """Ask a cell what it is.

    Raises:
        CellError: It did not say.
    """
    stream, end = _one_job(
        setting,
        environment,
        name=f"{name}-probe",
        phase=Phase.PROBE,
        device="cpu",
        tasks=[],
        inputs={},
        on_final=_drop,
    )
    if setting.cancel.is_set():
        raise Cancelled
    if stream.facts is None or not stream.finished:
        raise _lost(stream, end)
    return stream.facts


def run_tasks(
    setting: Setting,
    environment: Environment,
    *,
    name: str,
    phase: Phase,
    device: str,
    tasks: list[Task],
    inputs: Mapping[str, Path],
    expected: Facts,
    on_final: OnFinal,
) -> tuple[LostTasks, int]:
    """Run tasks in a cell until each has a final answer or was lost.

    A lost cell program (its death, a broken stream, a deadline) is infrastructure and tried again
    with what is missing; a task that was in flight at :data:`LOSSES` losses is left out, and a cell
    that was lost as often with no task in flight is given up.

    Args:
        setting: The run's.
        environment: Where.
        name: Job's name; later tries get a number.
        phase: Save or load.
        device: Where tensors live.
        tasks: What to do.
        inputs: Files the job may read, by their path in its input folder.
        expected: Facts the cell gave before; others mean it is not the same environment any more.
        on_final: Called with a task, its attempts, and the job's output folder.

    Returns:
        Tasks without an answer and why (empty when all have one or the run was cancelled), and how
        many jobs were started.
    """
    todo = list(tasks)
    lost: LostTasks = {}
    blamed: Counter[str | None] = Counter()
    started = 0
    while todo and not setting.cancel.is_set():
        started += 1
        label = name if started == 1 else f"{name}-{started}"
        try:
            stream, end = _one_job(
                setting,
                environment,
                name=label,
                phase=phase,
                device=device,
                tasks=todo,
                inputs=inputs,
                on_final=on_final,
                expected=expected,
            )
        except CellError as refusal:
            return lost | dict.fromkeys((task.id for task in todo), refusal), started
        todo = stream.missing
        if not todo or setting.cancel.is_set():
            break
        loss = _lost(stream, end)
        culprit = stream.in_flight
        blamed[culprit] += 1
        if blamed[culprit] >= LOSSES:
            left_out = [task for task in todo if culprit in {None, task.id}]
            lost |= dict.fromkeys((task.id for task in left_out), loss)
            todo = [task for task in todo if task not in left_out]
        goes_on = f"trying again with {len(todo)} tasks" if todo else "giving up"
        setting.board.say(f"{label}: {loss.message}; {goes_on}")
    return lost, started


def _one_job(
    setting: Setting,
    environment: Environment,
    *,
    name: str,
    phase: Phase,
    device: str,
    tasks: list[Task],
    inputs: Mapping[str, Path],
    on_final: OnFinal,
    expected: Facts | None = None,
) -> tuple[JobStream, JobEnd]:
    require_room(setting.scratch, TO_START)
    output = setting.scratch / name
    output.mkdir(parents=True)
    cases = {f"cases/{module}.py": path for module, path in setting.case_files.items()}
    manifest = Manifest(
        phase=phase,
        device=device,
        tasks=tuple(tasks),
        limits=setting.limits,
        repeat=True,
        user_cases=tuple(
            UserCases(module=module, path=f"cases/{module}.py") for module in setting.case_files
        ),
        model=None
        if (model := setting.model) is None
        else Model(path="model", module=model.module, factory=model.factory),
    )
    if model is not None:
        cases[f"model/{model.module.replace('.', '/')}.py"] = model.file
    waiting: list[tuple[Task, tuple[Done, ...]]] = []

    def final(task: Task, attempts: tuple[Done, ...]) -> None:
        """Hand on now what has no file or whose file is here; the rest comes when the job ends."""
        if attempts[-1].checkpoint is None or (output / task.path).exists():
            on_final(task, attempts, output)
        else:
            waiting.append((task, attempts))

    stream = JobStream(
        tasks={task.id: task for task in tasks},
        on_hello=lambda facts: None if expected is None else _check_same(expected, facts),
        on_observation=setting.store.put_observation,
        on_final=final,
    )
    job = Job(
        id=name,
        manifest=manifest,
        inputs={**inputs, **cases},
        output=output,
        deadline_s=START_S + sum(2 * (task.timeout_s + setting.limits.grace_s) for task in tasks),
    )
    with (setting.log / f"{name}.jsonl").open("ab") as log:

        def take(line: bytes) -> None:
            if not line.startswith(b'{"event":"observation"'):
                log.write(line + b"\n")
            stream.feed(line)

        end = setting.provider.run_job(environment, job, on_line=take, cancel=setting.cancel)
        log.write(json.dumps({"ending": end.ending, "exit_code": end.exit_code}).encode() + b"\n")
    for task, attempts in waiting:
        on_final(task, attempts, output)
    shutil.rmtree(output, ignore_errors=True)
    return stream, end


def _drop(_task: Task, _attempts: tuple[Done, ...], _output: Path) -> None:
    """A probe has no tasks."""


def _check_same(expected: Facts, facts: Facts) -> None:
    """End a job of another environment before anything it says is kept under this one's keys."""
    before, now = environment_parts(expected), environment_parts(facts)
    if changed := [name for name, value in before.items() if now[name] != value]:
        raise CellError(
            Reason.ENVIRONMENT_MISMATCH,
            f"the environment is not what it was when it was asked ({', '.join(changed)}); "
            "run again with --fresh",
        )


def _lost(stream: JobStream, end: JobEnd) -> CellError:
    """Why a job left tasks without an answer."""
    if stream.broken:
        return CellError(
            Reason.CELL_MISBEHAVED, f"the cell broke the protocol: {stream.broken}", end.tail
        )
    how = {
        Ending.EXITED: f"ended with exit code {end.exit_code}",
        Ending.DEADLINE: "was still running at its deadline",
        Ending.FLOODED: "wrote a line longer than the protocol allows",
        Ending.CANCELLED: "was cancelled",
    }[end.ending]
    if end.oom_killed:
        how = "was killed because memory ran out"
    last = end.tail.strip().splitlines()
    return CellError(
        Reason.CELL_LOST,
        f"the cell program {how} before it was done" + (f": {last[-1][:300]}" if last else ""),
        end.tail,
    )
