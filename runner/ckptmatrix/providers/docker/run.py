"""One job: volumes filled, a container started, listened to, ended, emptied and removed."""

from __future__ import annotations

import queue
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled, Ending, JobEnd
from ckptmatrix.providers.docker.attach import ENGINE_ERRORS, Talk, Which
from ckptmatrix.providers.docker.labels import JOB, OWNER, ROLE, RUN, Owner, new_name
from ckptmatrix.providers.docker.sandbox import (
    INPUT,
    OUTPUT,
    PROGRAM,
    TAKEN,
    Bounds,
    ImageFacts,
    Names,
    carrier_config,
    job_config,
)
from ckptmatrix.providers.docker.volumes import (
    Entry,
    InputChanged,
    OutputRefused,
    OutputUnwritable,
    entries_of,
    pack,
    unpack,
)
from ckptmatrix.providers.lines import Flooded, LineCutter, Tail
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.base import Job

__all__ = ["NoGpu", "Start", "run_container"]

#: Seconds between two looks at whether the user gave up.
POLL_S = 0.05
#: Seconds the engine is given to end a killed container, or to pass on an ended one's last words.
PATIENCE_S = 20.0
#: Seconds after its deadline in which a container is ended from here, before it ends itself.
GRACE_S = 10.0
TAIL = 8_192
#: What a cell may say beyond its results: hello, started, done and goodbye.
TALK_BYTES = 64_000_000
_SIGNALLED = 128
_NO_GPU = ("could not select device driver", "failed to discover gpu", "unresolvable cdi devices")


class NoGpu(Exception):  # noqa: N818 - named for what the engine lacks
    """The engine has no GPU to give."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a job is started with.

    Attributes:
        api: The engine.
        image: The cell's.
        interpreter: The cell's own word on its interpreter, or None.
        program: The cell program's file.
        run: Name of the run, for labels.
        bounds: What the container may use.
        longest_line: Bytes a line of events may have.
        gpu: Whether GPUs are asked for.
    """

    api: APIClient
    image: ImageFacts
    interpreter: str | None
    program: Path
    run: str
    bounds: Bounds
    longest_line: int
    gpu: bool


def run_container(
    start: Start, job: Job, *, on_line: Callable[[bytes], None], cancel: threading.Event
) -> JobEnd:
    """Run one job in a container of its own, of which nothing is left afterwards.

    Raises:
        CellError: The engine failed, or something of the job could not be sent.
        NoGpu: GPUs were asked for and the engine has none.
    """
    names = Names(**{role: new_name(job.id, role) for role in Names.__annotations__})
    try:
        return _run(start, job, names, on_line=on_line, cancel=cancel)
    except Cancelled:
        return JobEnd(ending=Ending.CANCELLED)
    except InputChanged as error:
        raise CellError(
            Reason.CELL_LOST, f"the job could not be given its files: {error}"
        ) from error
    except OutputUnwritable as error:
        message = f"what the job wrote could not be kept: {error}; free some space, then run again"
        raise CellError(Reason.CELL_LOST, message) from error
    except NotFound as error:
        message = f"the Docker engine lost a part of the job ({_said(error)}); run again"
        raise CellError(Reason.CELL_LOST, message) from error
    except _EngineFailed as error:
        message = f"the Docker engine failed: {error}; see its own log, then run again"
        raise CellError(Reason.CELL_LOST, message) from error
    finally:
        _remove(start, names)


class _EngineFailed(Exception):  # noqa: N818 - named for what happened
    """The engine refused or is gone; says what it said."""


def _run(
    start: Start,
    job: Job,
    names: Names,
    *,
    on_line: Callable[[bytes], None],
    cancel: threading.Event,
) -> JobEnd:
    api = start.api
    with _engine():
        _fill(start, job, names, cancel)
        config = job_config(
            start.image,
            names,
            _labels(start, job, "job"),
            interpreter=start.interpreter,
            manifest=job.manifest,
            bounds=start.bounds,
            deadline_s=job.deadline_s + GRACE_S,
            gpu=start.gpu,
        )
        container = _create(api, names.job, config)
        talk = Talk(api, container, job.manifest.model_dump_json().encode())
    with talk:
        with _engine():
            _begin(api, container)
        talk.begin()
        tail = Tail(TAIL)
        listener = _Listener(talk, _Waiter(api, container), on_line, tail, _limits(start, job))
        ending = None
        try:
            ending = listener.follow(until=time.monotonic() + job.deadline_s, cancel=cancel)
        finally:
            # Also when the listener raises: nothing may be running, and the output is the caller's.
            with _engine():
                if ending is not Ending.EXITED:
                    # The engine cannot kill a container whose output nobody takes any more.
                    talk.close()
                    with suppress(APIError):  # it may have ended by itself
                        api.kill(container)
                    listener.waiter.join(PATIENCE_S)
                state = api.inspect_container(container)["State"]
            excess = _fetch(start, job, names)
    if excess:
        ending = Ending.FLOODED
        tail.feed(f"\nthe output folder has {excess}\n".encode())
    code = None if state["Running"] else _exit_code(state["ExitCode"])
    return JobEnd(
        ending=ending,
        exit_code=code,
        oom_killed=bool(state["OOMKilled"]) and ending is Ending.EXITED and code == -signal.SIGKILL,
        tail=tail.text,
    )


def _labels(start: Start, job: Job, role: str) -> dict[str, str]:
    return {
        RUN: start.run,
        OWNER: Owner.this_process().label,
        ROLE: role,
        JOB: job.id,
    }


def _fill(start: Start, job: Job, names: Names, cancel: threading.Event) -> None:
    """Bring both volumes into being, with everything the job reads and the folder it writes to."""
    size = start.program.stat().st_size
    entries = [
        *entries_of(job.inputs, INPUT[1:]),
        Entry(name=PROGRAM[1:], source=start.program, size=size, mode=0o444),
        Entry(name=TAKEN[1:], source=None, size=0, mode=0o755),
        Entry(name=OUTPUT[1:], source=None, size=0, mode=0o700, uid=start.bounds.uid),
    ]
    config = carrier_config(
        start.image,
        names,
        _labels(start, job, "carrier"),
        _labels(start, job, "volume"),
    )
    carrier = _create(start.api, names.carrier, config)
    start.api.put_archive(carrier, "/", _unless(cancel, pack(entries)))
    # Volumes outlive it: they have names.
    start.api.remove_container(carrier, v=True, force=True)


def _create(api: APIClient, name: str, config: dict[str, Any]) -> str:
    created = api.create_container_from_config(config, name)  # type: ignore[no-untyped-call]
    return str(created["Id"])


def _unless(cancel: threading.Event, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if cancel.is_set():
            raise Cancelled
        yield piece


def _begin(api: APIClient, container: str) -> None:
    try:
        api.start(container)
    except APIError as error:
        said = _said(error)
        if any(sign in said.lower() for sign in _NO_GPU):
            raise NoGpu(said) from error
        if "no such file or directory" in said or "executable file not found" in said:
            message = (
                "the image has no Python where it is looked for "
                f"({said[-200:]}); name it with `interpreter`"
            )
            raise CellError(Reason.PYTHON_NOT_FOUND, message) from error
        raise


@dataclass(frozen=True, kw_only=True)
class _Limits:
    line: int
    total: int


def _limits(start: Start, job: Job) -> _Limits:
    """A job can say no more than each of its tasks may, tried twice."""
    a_task = job.manifest.limits.result_bytes + job.manifest.limits.output_bytes
    return _Limits(line=start.longest_line, total=TALK_BYTES + 2 * len(job.manifest.tasks) * a_task)


class _Waiter:
    """Waits in a thread of its own until a container does not run any more."""

    def __init__(self, api: APIClient, container: str) -> None:
        self.broken: Exception | None = None
        self._thread = threading.Thread(
            target=self._wait, args=(api, container), name=f"wait-{container[:12]}", daemon=True
        )
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _wait(self, api: APIClient, container: str) -> None:
        try:
            api.wait(container, timeout=None)
        except ENGINE_ERRORS as error:
            self.broken = error


class _Listener:
    """Passes on what a container says until it ended or has to be ended."""

    def __init__(
        self,
        talk: Talk,
        waiter: _Waiter,
        on_line: Callable[[bytes], None],
        tail: Tail,
        limits: _Limits,
    ) -> None:
        self.waiter = waiter
        self._pieces = talk.pieces
        self._lines = LineCutter(on_line, limits.line)
        self._tail = tail
        self._left = limits.total
        self._heard_all = False

    def follow(self, *, until: float, cancel: threading.Event) -> Ending:
        patient_until = 0.0
        while True:
            if cancel.is_set():
                return Ending.CANCELLED
            now = time.monotonic()
            if self.waiter.over:
                if self.waiter.broken is not None:
                    raise _EngineFailed(_said(self.waiter.broken))
                patient_until = patient_until or now + PATIENCE_S
                if self._heard_all or now >= patient_until:
                    return Ending.EXITED
            elif now >= until:
                return Ending.DEADLINE
            try:
                self._hear()
            except Flooded:
                return Ending.FLOODED

    def _hear(self) -> None:
        try:
            piece = self._pieces.get(timeout=POLL_S)
        except queue.Empty:
            return
        match piece.which:
            case Which.STDOUT:
                self._left -= len(piece.data)
                if self._left < 0:
                    raise Flooded
                self._lines.feed(piece.data)
            case Which.STDERR:
                self._tail.feed(piece.data)
            case Which.ENGINE:
                self._tail.feed(b"\nthe Docker engine says: " + piece.data + b"\n")
            case Which.END:
                self._heard_all = True


def _fetch(start: Start, job: Job, names: Names) -> str:
    """Bring the output folder here; says what there was too much of, or nothing."""
    with _engine():
        stream, _ = start.api.get_archive(names.job, OUTPUT)
        try:
            unpack(
                stream,
                job.output,
                root=OUTPUT.rpartition("/")[2],
                max_bytes=start.bounds.output_bytes,
                max_files=start.bounds.output_files,
            )
        except OutputRefused as excess:
            return str(excess)
    return ""


def _exit_code(code: int) -> int:
    """The engine reports a signal as 128 and its number, as shells do."""
    return _SIGNALLED - code if code > _SIGNALLED else code


def _remove(start: Start, names: Names) -> None:
    """Remove every part of a job; what a dead engine keeps, ``clean`` removes later."""
    for container in (names.job, names.carrier):
        with suppress(*ENGINE_ERRORS):
            start.api.remove_container(container, v=True, force=True)
    for volume in (names.given, names.taken, *names.stand_ins(start.image).values()):
        with suppress(*ENGINE_ERRORS):
            start.api.remove_volume(volume, force=True)


class _engine:  # noqa: N801 - reads as a block: with _engine()
    """Gives every failure of the engine one name."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ENGINE_ERRORS) and not isinstance(error, NotFound):
            raise _EngineFailed(_said(error)) from error


def _said(error: BaseException) -> str:
    explanation = getattr(error, "explanation", None)
    text = explanation if isinstance(explanation, str) else str(error)
    return " ".join(text.split())[:500]
