"""The provider of virtual environments."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Self

from pydantic import TypeAdapter, ValidationError

from ckptmatrix.atomic import write_atomic
from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import MAX_LINE, Cancelled, Environment
from ckptmatrix.providers.failures import as_cell_error
from ckptmatrix.providers.venv.conditions import conditions, lay_out
from ckptmatrix.providers.venv.folders import (
    VenvRecord,
    finish,
    hold,
    python_of,
    read_record,
    remove_tree,
)
from ckptmatrix.providers.venv.indexes import find_sources
from ckptmatrix.providers.venv.interpreters import Interpreter, list_interpreters, pick
from ckptmatrix.providers.venv.locks import (
    Lock,
    read_lock,
    request_of,
    resolve,
    turned_out,
    write_lock,
)
from ckptmatrix.providers.venv.process import converse
from ckptmatrix.providers.venv.uv import Uv
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.base import Job, JobEnd
    from ckptmatrix.providers.venv.locks import Request

__all__ = ["VenvProvider", "this_platform"]

#: Enters every key: raise it when environments made before must not be used any more.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class _Memory:
    """Which Python a release meant, and how to see that it is still the same."""

    version: str
    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, interpreter: Interpreter) -> Self:
        stat = interpreter.path.stat()
        return cls(
            version=interpreter.version,
            path=str(interpreter.path),
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
        )


_MEMORY = TypeAdapter(_Memory)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def this_platform() -> str:
    """This machine as a cell's ``platform``: ``linux/amd64``."""
    machine = platform.machine().lower()
    return f"{sys.platform}/{_ARCHITECTURES.get(machine, machine)}"


class VenvProvider:
    """Makes a virtual environment a cell with uv, and runs jobs as processes of this machine.

    The cache folder holds ``interpreters/`` (which Python a release means), ``locks/`` (what goes
    into a cell), ``venvs/`` (environments by key). An environment is made under another name and
    renamed when it is complete, so what a killed maker left is never taken for one.

    Args:
        cache_dir: Where everything lives; made when needed.
        cell_program: What ``run_job`` starts.
        index: The matrix's own index, or empty.
        find_links: The matrix's own wheels, or empty.
        ca_bundle: The matrix's own certificates, or empty.
        update_locks: Whether locks are made anew, once each.
        environ: The user's environment variables; this process's when None.
        longest_line: Bytes a line of events may have.

    Raises:
        UsageError: A settings file of pip cannot be read.
    """

    name = "venv"

    def __init__(
        self,
        *,
        cache_dir: Path,
        cell_program: Path,
        index: str = "",
        find_links: str = "",
        ca_bundle: str = "",
        update_locks: bool = False,
        environ: Mapping[str, str] | None = None,
        longest_line: int = MAX_LINE,
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._sources = find_sources(
            self._environ, index=index, find_links=find_links, ca_bundle=ca_bundle
        )
        self._cache = cache_dir.absolute()
        self._cell_program = cell_program.absolute()
        self._uv = Uv(self._environ, self._cache)
        self._longest_line = longest_line
        self._update_locks = update_locks
        self._updated: set[str] = set()
        self._unreachable: set[str] = set()
        self._found: list[Interpreter] | None = None
        self._finding = threading.Lock()

    def prepare(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        """See :class:`ckptmatrix.providers.base.Provider`."""
        if cancel.is_set():
            raise Cancelled
        python = _python_for(cell)
        with as_cell_error(Reason.INSTALL_FAILED, "the environment could not be made", self._cache):
            return self._prepare(cell, python, cancel, progress)

    def run_job(
        self,
        environment: Environment,
        job: Job,
        *,
        on_line: Callable[[bytes], None],
        cancel: threading.Event,
    ) -> JobEnd:
        """See :class:`ckptmatrix.providers.base.Provider`."""
        home = Path(environment.location)
        if not python_of(home).exists():
            message = (
                f"the environment of {environment.cell.id} is gone ({home}); "
                "run again to make it anew"
            )
            raise CellError(Reason.CELL_LOST, message)
        with ExitStack() as after:
            with as_cell_error(
                Reason.CELL_LOST, "the job could not be given its folders", Path(gettempdir())
            ):
                own = after.enter_context(
                    TemporaryDirectory(prefix="ckptmatrix-", ignore_cleanup_errors=True)
                )
                given, scratch = Path(own, "input"), Path(own, "scratch")
                given.mkdir()
                scratch.mkdir()
                lay_out(job.inputs, given)
            folders = ("--input", given, "--output", job.output.absolute(), "--scratch", scratch)
            return converse(
                [python_of(home), self._cell_program, *folders],
                environ=conditions(self._environ, home, scratch),
                cwd=scratch,
                first_line=job.manifest.model_dump_json().encode(),
                deadline_s=job.deadline_s,
                on_line=on_line,
                cancel=cancel,
                longest=self._longest_line,
            )

    def remove(self, environment: Environment) -> None:
        """See :class:`ckptmatrix.providers.base.Provider`."""
        home = self._home(environment.key)
        with hold(home.with_suffix(".mutex"), threading.Event()):
            remove_tree(home)

    def _home(self, key: str) -> Path:
        return self._cache / "venvs" / key

    def _prepare(
        self,
        cell: Cell,
        python: str,
        cancel: threading.Event,
        progress: Callable[[str], None],
    ) -> Environment:
        start = time.monotonic()
        interpreter = self._interpreter(python, cancel, progress)
        request = request_of(cell, self._sources)
        lock = self._lock(cell.id, request, interpreter, cancel, progress)
        key = _key(interpreter, lock)
        home = self._home(key)
        record = read_record(home)
        reused = record is not None
        if record is None:
            with hold(home.with_suffix(".mutex"), cancel) as holding:
                record = read_record(home)
                reused = record is not None
                if record is None:
                    title = f"torch {cell.torch}" if cell.torch else ", ".join(request.requirements)
                    progress(f"installing {title} ({lock.count} packages)")
                    record = self._make(
                        key,
                        interpreter,
                        request=request,
                        lock=lock,
                        holding=holding,
                        cancel=cancel,
                    )
        actual, notes = turned_out(cell, lock, record.packages)
        return Environment(
            cell=actual,
            key=key,
            location=str(home),
            packages=record.packages,
            notes=notes,
            reused=reused,
            seconds=time.monotonic() - start,
        )

    def _interpreter(
        self, python: str, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Interpreter:
        """The Python a release means: the same as last time while that one is unchanged."""
        memory = self._cache / "interpreters" / f"{python}.json"
        known = _remembered(memory)
        if known is not None:
            return known
        with self._finding:
            if self._found is None:
                progress("looking for Pythons")
                self._found = list_interpreters(self._uv, self._environ, cancel)
        interpreter = pick(python, self._found)
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, _MEMORY.dump_json(_Memory.of(interpreter)))
        return interpreter

    def _lock(
        self,
        cell: str,
        request: Request,
        interpreter: Interpreter,
        cancel: threading.Event,
        progress: Callable[[str], None],
    ) -> Lock:
        path = self._cache / "locks" / f"{cell}-{request.digest}.txt"

        def kept() -> Lock | None:
            stale = self._update_locks and path.name not in self._updated
            return None if stale else read_lock(path)

        lock = kept()
        if lock is not None:
            return lock
        with hold(path.with_suffix(".mutex"), cancel):
            lock = kept()
            if lock is None:
                progress("resolving")
                lock = resolve(
                    self._uv,
                    request,
                    ("--python", interpreter.path),
                    unreachable=self._unreachable,
                    cancel=cancel,
                )
                write_lock(path, lock)
                self._updated.add(path.name)
        return lock

    def _make(
        self,
        key: str,
        interpreter: Interpreter,
        *,
        request: Request,
        lock: Lock,
        holding: int,
        cancel: threading.Event,
    ) -> VenvRecord:
        home = self._home(key)
        making = home.with_suffix(".making")
        remove_tree(making)
        try:
            self._uv.run(
                "venv",
                "--no-project",
                "--relocatable",
                "--python",
                interpreter.path,
                making,
                cancel=cancel,
                holding=holding,
            ).require(f"no environment could be made of {interpreter.path}")
            index = "" if lock.unreached else request.index
            self._uv.run(
                "pip",
                "sync",
                "--require-hashes",
                "--python",
                python_of(making),
                *request.sources.arguments(index),
                "-",
                stdin=lock.text,
                cancel=cancel,
                holding=holding,
                environ=request.sources.environment(),
            ).require("installing failed")
            record = VenvRecord(key=key, packages=_installed(making))
            finish(making, home, record)
        finally:
            remove_tree(making)
        return record


def _python_for(cell: Cell) -> str:
    """The release of Python a cell asks for, when it is one this provider can make."""
    if not cell.is_wheels or cell.python is None:
        what = f"Debian {cell.debian}" if cell.debian else f"image {cell.image}"
        message = f"a cell of {what} needs the docker provider; venv makes cells of wheels only"
        raise CellError(Reason.HOST_UNSUPPORTED, message)
    if cell.platform != this_platform():
        message = (
            f"the cell is for {cell.platform} and this machine is {this_platform()}; "
            "another platform needs the docker provider there"
        )
        raise CellError(Reason.HOST_UNSUPPORTED, message)
    return cell.python


def _key(interpreter: Interpreter, lock: Lock) -> str:
    parts = [FORMAT, this_platform(), str(interpreter.path), interpreter.version, lock.digest]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _remembered(memory: Path) -> Interpreter | None:
    """The interpreter in a file, unless that cannot be read or the interpreter has changed."""
    try:
        noted = _MEMORY.validate_json(memory.read_bytes())
        interpreter = Interpreter(version=noted.version, path=Path(noted.path))
        return interpreter if _Memory.of(interpreter) == noted else None
    except (FileNotFoundError, ValidationError):
        return None


def _installed(home: Path) -> tuple[str, ...]:
    places = [str(place) for place in home.glob("lib/python*/site-packages")]
    found = {f"{each.name}=={each.version}" for each in distributions(path=places)}
    return tuple(sorted(found, key=str.lower))
