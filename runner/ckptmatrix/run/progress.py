"""Showing long work: a live board on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Board", "PlainBoard", "RichBoard", "board_for"]

#: Seconds between two plain lines about the same phase.
PLAIN_INTERVAL = 5.0


class Board(Protocol):
    """Where a run says what it is doing. Methods may be called from several threads."""

    def __enter__(self) -> Self:
        """Start showing."""
        ...

    def __exit__(self, *_: object) -> None:
        """Stop showing and leave the terminal as it was."""
        ...

    def say(self, text: str) -> None:
        """One line that stays."""
        ...

    def phase(self, name: str, total: int) -> None:
        """A phase with ``total`` steps begins; the one before it is over."""
        ...

    def doing(self, who: str, what: str) -> None:
        """``who`` is now at ``what``; an empty ``what`` means it has ended."""
        ...

    def step(self, count: int = 1) -> None:
        """Some steps of the phase are done."""
        ...


class PlainBoard:
    """Lines for logs: one at the start and end of a phase, and now and then in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._name = ""
        self._total = self._done = 0
        self._last = self._began = 0.0

    def __enter__(self) -> Self:
        """See :class:`Board`."""
        return self

    def __exit__(self, *_: object) -> None:
        """See :class:`Board`."""
        with self._lock:
            self._close()

    def say(self, text: str) -> None:
        """See :class:`Board`."""
        with self._lock:
            self._print(text)

    def phase(self, name: str, total: int) -> None:
        """See :class:`Board`."""
        with self._lock:
            self._close()
            self._name, self._total, self._done = name, total, 0
            self._last = self._began = time.monotonic()

    def doing(self, who: str, what: str) -> None:
        """See :class:`Board`."""
        if what:
            self.say(f"{who}: {what}")

    def step(self, count: int = 1) -> None:
        """See :class:`Board`."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if now - self._last >= PLAIN_INTERVAL and self._done < self._total:
                self._last = now
                self._print(f"{self._name}: {self._done}/{self._total}")

    def _close(self) -> None:
        if self._name and self._total:
            seconds = time.monotonic() - self._began
            self._print(f"{self._name}: {self._done}/{self._total} in {seconds:.1f} s")
        self._name = ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class RichBoard:
    """A bar for the phase and a line for everyone at work."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._lock = threading.Lock()
        self._phase: TaskID | None = None
        self._workers: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """See :class:`Board`."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """See :class:`Board`."""
        self._progress.stop()

    def say(self, text: str) -> None:
        """See :class:`Board`."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def phase(self, name: str, total: int) -> None:
        """See :class:`Board`."""
        with self._lock:
            for task in (*self._workers.values(), self._phase):
                if task is not None:
                    self._progress.remove_task(task)
            self._workers.clear()
            self._phase = self._progress.add_task(name, total=total)

    def doing(self, who: str, what: str) -> None:
        """See :class:`Board`."""
        with self._lock:
            task = self._workers.get(who)
            if not what:
                if task is not None:
                    self._progress.remove_task(self._workers.pop(who))
            elif task is None:
                self._workers[who] = self._progress.add_task(f"  {who}: {what}", total=None)
            else:
                self._progress.update(task, description=f"  {who}: {what}")

    def step(self, count: int = 1) -> None:
        """See :class:`Board`."""
        if self._phase is not None:
            self._progress.advance(self._phase, count)


def board_for(console: Console) -> Board:
    """The board that suits where the output goes."""
    return RichBoard(console) if console.is_terminal else PlainBoard(console)
