"""What marks a container or volume as ours, and whose it is."""

from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INTERPRETER",
    "JOB",
    "NAMESPACE",
    "OWNER",
    "PREFIX",
    "ROLE",
    "RUN",
    "Owner",
    "new_name",
    "owner_of",
]

NAMESPACE = "org.ckptmatrix"
#: The run a thing belongs to, :class:`Owner` of its maker, and what it is for.
RUN, OWNER, ROLE, JOB = (f"{NAMESPACE}.{word}" for word in ("run", "owner", "role", "job"))
#: On an image: the interpreter that has torch.
INTERPRETER = f"{NAMESPACE}.interpreter"
#: Names of all containers and volumes begin so.
PREFIX = "ckptmatrix-"

_PROC = Path("/proc")


def new_name(job: str, role: str) -> str:
    """A name nobody else has, in the alphabet of container names.

    Args:
        job: Job's id; only for people to read.
        role: What the thing is for.
    """
    readable = re.sub(r"[^a-zA-Z0-9_.-]+", "-", job)[:60]
    return f"{PREFIX}{readable}-{role}-{secrets.token_hex(4)}"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that made a thing, so that another can tell whether it still lives.

    Attributes:
        host: Its machine's name.
        boot: Which boot of that machine, and which process namespace on it.
        pid: Its process id there.
        started: When it started, in the kernel's own ticks: a pid is used again, a pair is not.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    @cache
    def this_process(cls) -> Self:
        """The owner of what this process makes."""
        return cls(
            host=socket.gethostname(), boot=_boot(), pid=os.getpid(), started=_started(os.getpid())
        )

    @classmethod
    def parse(cls, label: str) -> Self | None:
        """Read :meth:`label` back; None when it is not one of ours."""
        parts = label.split("|")
        if len(parts) != 4 or not parts[2].isdigit():  # noqa: PLR2004 - fields of this class
            return None
        return cls(host=parts[0], boot=parts[1], pid=int(parts[2]), started=parts[3])

    @property
    def label(self) -> str:
        """One string that says all of it."""
        return f"{self.host}|{self.boot}|{self.pid}|{self.started}"

    def is_gone(self) -> bool:
        """Whether it certainly does not live any more.

        What runs on another machine, or in another container of this one, cannot be seen from
        here and is taken to live.
        """
        if self.host != socket.gethostname():
            return False
        here = _boot()
        if self.boot.partition(".")[0] != here.partition(".")[0]:
            return True
        return self.boot == here and _started(self.pid) != self.started


def owner_of(labels: Mapping[str, str]) -> Owner | None:
    """Who made a thing with these labels; None when they do not say."""
    return Owner.parse(labels.get(OWNER, ""))


def _boot() -> str:
    """``<boot>.<process namespace>`` on Linux, else a constant."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = (_PROC / "self/ns/pid").readlink().name
    except OSError:
        return "."
    return f"{boot.strip().replace('-', '')[:12]}.{re.sub('[^0-9]', '', namespace)}"


def _started(pid: int) -> str:
    """Start time of a process, ``?`` where it cannot be known, empty when there is none."""
    try:
        # The name is in parentheses and may hold anything, also parentheses: proc_pid_stat(5).
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "?"
