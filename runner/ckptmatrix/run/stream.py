"""What one job says, line by line: checked, collected, and handed on as soon as it is final."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ckptmatrix.wire import EVENT, Bye, Done, Facts, Hello, ObservationEvent, Started, Task

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JobStream", "StreamBroken"]


class StreamBroken(Exception):  # noqa: N818 - named for what happened to the stream
    """The cell said something the protocol does not allow; nothing after it is believed."""


@dataclass(kw_only=True)
class JobStream:
    """Follows the events of one job.

    A task is *final* when the cell says that no further attempt at it follows; one that follows all
    the same breaks the stream. Only final tasks are handed on, so that what an interrupted job
    leaves behind is never half of an answer.

    Attributes:
        tasks: Tasks of the job's manifest, by id.
        on_hello: Called with the facts, before anything else.
        on_observation: Called once for every observation, before any task that names it; raises
            ``ValueError`` when it is not what its digest says.
        on_final: Called once for every final task with all its attempts.
        facts: What ``hello`` said, or None before it.
        in_flight: The task being attempted.
        finished: Whether the job said ``bye``.
        broken: Why the stream is not believed any more, or an empty string.
    """

    tasks: dict[str, Task]
    on_hello: Callable[[Facts], None]
    on_observation: Callable[[str, dict[str, Any]], None]
    on_final: Callable[[Task, tuple[Done, ...]], None]
    facts: Facts | None = None
    in_flight: str | None = None
    finished: bool = False
    broken: str = ""
    _attempts: dict[str, list[Done]] = field(default_factory=dict)
    _final: set[str] = field(default_factory=set)
    _observations: set[str] = field(default_factory=set)

    def feed(self, line: bytes) -> None:
        """Take one line. After the first that is not allowed, all others are ignored."""
        if self.broken:
            return
        try:
            self._take(line)
        except (ValidationError, StreamBroken) as error:
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.broken = f"{detail} in the event {line[:200].decode('utf-8', 'replace')!r}"

    @property
    def missing(self) -> list[Task]:
        """Tasks that have no final answer, in the manifest's order."""
        return [task for task in self.tasks.values() if task.id not in self._final]

    def _take(self, line: bytes) -> None:
        event = EVENT.validate_json(line)
        if self.finished:
            msg = "something followed the goodbye"
            raise StreamBroken(msg)
        if isinstance(event, Hello) != (self.facts is None):
            msg = "a job says hello first, and once"
            raise StreamBroken(msg)
        match event:
            case Hello():
                self.facts = event.facts
                self.on_hello(event.facts)
            case Started():
                self._known(event.task)
                self.in_flight = event.task
            case ObservationEvent():
                self._observe(event)
            case Done():
                self._done(event)
            case Bye():
                self._bye()

    def _known(self, task: str) -> Task:
        if task not in self.tasks or task in self._final:
            msg = f"task {task!r} was not asked for, or is over"
            raise StreamBroken(msg)
        return self.tasks[task]

    def _observe(self, event: ObservationEvent) -> None:
        try:
            self.on_observation(event.sha256, event.value)
        except ValueError as error:
            raise StreamBroken(str(error)) from error
        self._observations.add(event.sha256)

    def _done(self, event: Done) -> None:
        task = self._known(event.task)
        attempts = self._attempts.setdefault(task.id, [])
        if event.attempt != len(attempts) + 1:
            msg = f"attempt {event.attempt} of task {task.id!r} follows attempt {len(attempts)}"
            raise StreamBroken(msg)
        if event.observation is not None and event.observation not in self._observations:
            msg = "an observation is named that was not sent"
            raise StreamBroken(msg)
        attempts.append(event)
        self.in_flight = None
        if event.final:
            self._final.add(task.id)
            self.on_final(task, tuple(attempts))

    def _bye(self) -> None:
        owed = [task for task in self._attempts if task not in self._final]
        if owed:
            msg = f"a goodbye before the last attempt at task {owed[0]!r}"
            raise StreamBroken(msg)
        self.in_flight = None
        self.finished = True
