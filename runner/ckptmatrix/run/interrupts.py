"""Ctrl-C, SIGTERM and SIGHUP end a run in good order.

The first one sets the run's ``cancel``: jobs are ended, what is final is kept, and the record is
written. A second one changes nothing, because many a supervisor sends two. A third one kills.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: How many it takes to kill.
_ENOUGH = 3


class Interrupts:
    """Listens to signals while it is entered; must be entered in the main thread.

    A signal that the process was started to ignore (``nohup``, a job in the background) stays
    ignored.

    Args:
        cancel: Set at the first signal.
        say: Called once with a line for the user, from a thread of its own.

    Attributes:
        received: The first signal, or None.
    """

    def __init__(self, cancel: threading.Event, say: Callable[[str], None]) -> None:
        self.received: signal.Signals | None = None
        self._cancel = cancel
        self._say = say
        self._count = 0
        self._before: dict[signal.Signals, object] = {}
        self._terminals: list[int] = []

    @property
    def exit_code(self) -> int | None:
        """What a shell makes of the signal: 130, 143 or 129; None without one."""
        return None if self.received is None else 128 + self.received

    def __enter__(self) -> Self:
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
        for each in _SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)  # type: ignore[arg-type]  # what signal() gave

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count >= _ENOUGH:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if self.received is not None:
            return
        self.received = signal.Signals(number)
        if self.received is signal.SIGHUP:
            self._let_go()
        self._cancel.set()
        # The main thread may hold what showing a line needs, and cannot wait for itself.
        threading.Thread(target=self._tell, name="stopping").start()

    def _tell(self) -> None:
        with suppress(OSError):
            self._say("stopping …: what is finished is kept")

    def _let_go(self) -> None:
        """The terminal is gone, and writing to it would end the run before its record is there."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in self._terminals:
            os.dup2(nowhere, stream)
        os.close(nowhere)
