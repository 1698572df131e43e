"""The port every provider implements: make a cell's environment, run jobs in it.

``tests/conformance`` holds every provider to what is written here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.wire import Manifest

__all__ = ["MAX_LINE", "Cancelled", "Ending", "Environment", "Job", "JobEnd", "Provider"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A cell's environment, made and ready.

    Attributes:
        cell: The cell it turned out to be; differs from the declared one in ``cuda`` (and a derived
            id) when the asked build's index could not be reached.
        key: Hex digest of everything that decides how it behaves (interpreter, lock, base). Equal
            keys mean interchangeable environments.
        location: Provider's own address: a folder, an image id.
        packages: Installed distributions, ``name==version``, sorted.
        notes: Sentences a user should read («the cpu index was not reachable …»).
        reused: Whether nothing had to be made.
        seconds: Time spent making it.
    """

    cell: Cell
    key: str
    location: str
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reused: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One start of the cell program.

    Attributes:
        id: Unique in a run; safe as a file name.
        manifest: What to do.
        inputs: Path relative to the cell's input folder → file or folder on this machine. A cell
            must not be able to change them where the provider can prevent it.
        output: Existing empty folder on this machine; holds the job's output folder when it ended.
        deadline_s: Seconds after which the provider ends the job, whatever it does.
    """

    id: str
    manifest: Manifest
    inputs: Mapping[str, Path] = field(default_factory=dict)
    output: Path
    deadline_s: float


class Ending(StrEnum):
    """How a job's process ended."""

    EXITED = "exited"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    FLOODED = "flooded"


@dataclass(frozen=True, kw_only=True)
class JobEnd:
    """How one start of the cell program ended.

    Attributes:
        ending: Who ended it.
        exit_code: The process's exit status, negative for a signal, None when it is not known.
        oom_killed: Whether the kernel or the engine killed it for memory.
        tail: End of its own standard error (not that of its tasks), for diagnosis.
    """

    ending: Ending
    exit_code: int | None = None
    oom_killed: bool = False
    tail: str = ""


class Provider(Protocol):
    """Makes environments and runs jobs in them. Methods may be called from several threads."""

    name: str

    def prepare(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        """Make the cell's environment, or find it ready.

        Args:
            cell: The declared cell.
            cancel: Set when the user gave up; raise promptly.
            progress: Called with short phrases: ``resolving``, ``installing torch 2.6.0``.

        Raises:
            ckptmatrix.errors.CellError: It cannot be made; ``error`` outcomes follow.
            ckptmatrix.providers.base.Cancelled: ``cancel`` was set.
        """
        ...

    def run_job(
        self,
        environment: Environment,
        job: Job,
        *,
        on_line: Callable[[bytes], None],
        cancel: threading.Event,
    ) -> JobEnd:
        """Start the cell program, give it the manifest, pass on what it says, wait for its end.

        Nothing of the job is running when this returns or raises.

        Args:
            environment: What :meth:`prepare` of this provider gave.
            job: What to do.
            on_line: Called for each line of the cell program's standard output, without its end of
                line. Lines longer than :data:`MAX_LINE` end the job as ``flooded``; a last line
                without its end is not passed on. What it raises ends the job and is raised here.
            cancel: When set the job is ended at once.

        Raises:
            ckptmatrix.errors.CellError: It could not be started.
        """
        ...

    def remove(self, environment: Environment) -> None:
        """Remove what :meth:`prepare` made; silent when it is gone already."""
        ...


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The user gave up while something was being made."""


#: Longest line of events a provider passes on, in bytes.
MAX_LINE = 64_000_000
