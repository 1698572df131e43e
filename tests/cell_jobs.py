"""Runs of the cell program itself, started as a provider starts it, each line of it validated."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.wire import EVENT, Bye, Done, Facts, Hello, Manifest, ObservationEvent, Started

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CellFolders", "JobRun", "interpreters", "is_running", "torch_interpreters"]

Event = Hello | Started | ObservationEvent | Done | Bye


def _version(interpreter: str) -> tuple[int, ...] | None:
    asked = subprocess.run(
        [interpreter, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        return None
    return tuple(int(part) for part in asked.stdout.split())


@cache
def interpreters() -> dict[str, str]:
    """Every Python from 3.6 this machine has, one a minor version: ``"3.6"`` → its path."""
    candidates = [sys.executable]
    pyenv = os.environ.get("PYENV_ROOT")
    if pyenv:
        candidates += [str(path) for path in Path(pyenv).glob("versions/3.*/bin/python")]
    on_path = (shutil.which(f"python3.{minor}") for minor in range(6, 20))
    candidates += [path for path in on_path if path]
    found: dict[tuple[int, ...], str] = {}
    for candidate in candidates:
        version = _version(candidate)
        if version and version >= (3, 6):
            found.setdefault(version, candidate)
    return {".".join(map(str, version)): path for version, path in sorted(found.items())}


def torch_interpreters() -> list[str]:
    """Interpreters of real torch environments, named by ``CKPTMATRIX_TEST_ENVS``."""
    return [path for path in os.environ.get("CKPTMATRIX_TEST_ENVS", "").split(":") if path]


def is_running(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """A job that has ended."""

    code: int
    events: list[Event]
    stderr: str
    seconds: float

    @property
    def facts(self) -> Facts:
        """What it said it is."""
        assert isinstance(self.events[0], Hello)
        return self.events[0].facts

    @property
    def dones(self) -> dict[tuple[str, int], Done]:
        """The end of each attempt, by task and number."""
        return {(e.task, e.attempt): e for e in self.events if isinstance(e, Done)}

    @property
    def observations(self) -> dict[str, ObservationEvent]:
        """Observations by their digest."""
        return {e.sha256: e for e in self.events if isinstance(e, ObservationEvent)}


@dataclass(frozen=True, kw_only=True)
class CellFolders:
    """The folders of a cell, and the program to run in it."""

    interpreter: str
    program: list[str]
    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def input(self) -> Path:
        """Where checkpoints and cases lie."""
        return self._made("input")

    @property
    def output(self) -> Path:
        """Where checkpoints are saved."""
        return self._made("output")

    @property
    def scratch(self) -> Path:
        """Where everything else is written."""
        return self._made("scratch")

    def _made(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self, first_line: bytes) -> subprocess.Popen[bytes]:
        """Start the program and hand it the manifest; its standard input stays open."""
        # A file, not a pipe: what nobody reads while the job runs must not stop it.
        errors = tempfile.TemporaryFile(dir=self.root)  # noqa: SIM115 - the process keeps it open
        process = subprocess.Popen(
            [
                self.interpreter,
                *self.program,
                "--input",
                str(self.input),
                "--output",
                str(self.output),
                "--scratch",
                str(self.scratch),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **self.environ},
        )
        process.stderr = errors
        assert process.stdin is not None
        process.stdin.write(first_line + b"\n")
        process.stdin.flush()
        return process

    def finish(self, process: subprocess.Popen[bytes], began: float) -> JobRun:
        """Read a started job to its end."""
        with process:
            assert process.stdout is not None
            events = [EVENT.validate_json(line) for line in process.stdout]
            code = process.wait(60)
            assert process.stderr is not None
            process.stderr.seek(0)
            stderr = process.stderr.read().decode("utf-8", "replace")
        return JobRun(code=code, events=events, stderr=stderr, seconds=time.monotonic() - began)

    def run(self, manifest: Manifest) -> JobRun:
        """Run a job to its end."""
        began = time.monotonic()
        return self.finish(self.start(manifest.model_dump_json().encode()), began)
