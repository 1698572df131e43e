"""One start of a program that speaks the protocol: its pipes, its deadline, its end."""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from ckptmatrix.providers.base import MAX_LINE, Ending, JobEnd
from ckptmatrix.providers.failures import as_cell_error
from ckptmatrix.providers.lines import Flooded, LineCutter, Tail
from ckptmatrix.providers.venv.leftovers import MARKER, end_all, oom_kills
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["converse"]

#: Seconds between two looks at whether the user gave up.
POLL_S = 0.05
#: Seconds to read what is left in the pipes of a program that ended.
DRAIN_S = 5.0
CHUNK = 1 << 18
TAIL = 8_192


def converse(
    argv: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    first_line: bytes,
    deadline_s: float,
    on_line: Callable[[bytes], None],
    cancel: threading.Event,
    longest: int = MAX_LINE,
) -> JobEnd:
    """Start a program, give it one line, pass on its lines, and see that nothing of it is left.

    Its standard input stays open until it ended, and closes when this process dies.

    Args:
        argv: Its command line.
        environ: Its whole environment.
        cwd: Where it starts.
        first_line: What it reads first, without the end of line.
        deadline_s: Seconds it may take.
        on_line: Called with each complete line of its standard output.
        cancel: When set it is ended at once.
        longest: Bytes a line may have.

    Raises:
        CellError: It could not be started.
    """
    token = secrets.token_hex(16)
    killed_before = oom_kills()
    tail = Tail(TAIL)
    with ExitStack() as after:
        with as_cell_error(Reason.CELL_LOST, "the cell program could not be started", cwd):
            process = subprocess.Popen(  # noqa: S603 - no shell; the interpreter of an environment we made
                [str(part) for part in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=cwd,
                env={**environ, MARKER: token},
                start_new_session=True,
            )
        after.enter_context(process)
        after.callback(end_all, process.pid, token)
        talk = after.enter_context(
            _Conversation(process, first_line, LineCutter(on_line, longest), tail)
        )
        ending = talk.follow(until=time.monotonic() + deadline_s, cancel=cancel)
        if ending is Ending.EXITED:
            # What it left behind may hold its pipes open.
            end_all(process.pid, token)
            ending = talk.drain()
    return JobEnd(
        ending=ending,
        exit_code=process.returncode,
        oom_killed=(
            ending is Ending.EXITED
            and process.returncode == -signal.SIGKILL
            and oom_kills() > killed_before
        ),
        tail=tail.text,
    )


class _Conversation:
    """All pipes of a program, served in one thread."""

    def __init__(
        self, process: subprocess.Popen[bytes], first_line: bytes, lines: LineCutter, tail: Tail
    ) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            msg = "the program must be started with pipes"
            raise ValueError(msg)
        self._selector = selectors.DefaultSelector()
        self._exit = os.pidfd_open(process.pid)
        self._selector.register(self._exit, selectors.EVENT_READ)
        self._unsent = memoryview(first_line + b"\n")
        self._stdin = process.stdin.fileno()
        os.set_blocking(self._stdin, False)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        self._takers = {process.stdout.fileno(): lines.feed, process.stderr.fileno(): tail.feed}
        for pipe in self._takers:
            os.set_blocking(pipe, False)
            self._selector.register(pipe, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        os.close(self._exit)

    def follow(self, *, until: float, cancel: threading.Event) -> Ending:
        """Serve the pipes until the program ended or has to be ended."""
        while True:
            if cancel.is_set():
                return Ending.CANCELLED
            if time.monotonic() >= until:
                return Ending.DEADLINE
            try:
                if self._serve(POLL_S):
                    return Ending.EXITED
            except Flooded:
                return Ending.FLOODED

    def drain(self) -> Ending:
        """Read what an ended program left in its pipes."""
        until = time.monotonic() + DRAIN_S
        self._selector.unregister(self._exit)
        self._stop_writing()
        try:
            while self._selector.get_map() and time.monotonic() < until:
                self._serve(POLL_S)
        except Flooded:
            return Ending.FLOODED
        return Ending.EXITED

    def _serve(self, timeout: float) -> bool:
        """Move what can be moved; say whether the program ended."""
        ended = False
        for key, _ in self._selector.select(timeout):
            if key.fd == self._exit:
                ended = True
            elif key.fd == self._stdin:
                self._write()
            else:
                self._read(key.fd)
        return ended

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BrokenPipeError:
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._stop_writing()

    def _stop_writing(self) -> None:
        if self._stdin in self._selector.get_map():
            self._selector.unregister(self._stdin)

    def _read(self, pipe: int) -> None:
        chunk = os.read(pipe, CHUNK)
        if chunk:
            self._takers[pipe](chunk)
        else:
            self._selector.unregister(pipe)
