"""Ends every process of a job, also those that left its process group. Linux only: reads /proc."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MARKER", "end_all", "oom_kills"]

#: Environment variable that every process of a job inherits.
MARKER = "CKPTMATRIX_JOB"
#: Seconds the kernel is given to end killed processes; one in the middle of a disk access is slow.
PATIENCE_S = 10.0

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_OOM_KILL = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class _Process:
    pid: int
    state: str
    parent: int
    session: int
    started: str


def end_all(leader: int, token: str) -> None:
    """Kill a job's processes until none is left.

    A process belongs to the job when it is in the leader's session, carries the job's marker, or
    descends from one that does. The leader must not have been reaped: its number would be free for
    a stranger.

    Args:
        leader: Process id of the leader of the job's session.
        token: Value of :data:`MARKER` in the job's environment.
    """
    mark = f"{MARKER}={token}".encode()
    until = time.monotonic() + PATIENCE_S
    while (members := _members(leader, mark)) and time.monotonic() < until:
        for member in members:
            _kill(member)
        time.sleep(0.005)


def oom_kills() -> int:
    """How many processes the kernel has killed because memory ran out.

    Those of this process's control group, so that nobody else's count; where the kernel counts
    none for groups, those of the whole machine.
    """
    for path in (*_group_counters(), _PROC / "vmstat"):
        with suppress(OSError):
            found = _OOM_KILL.search(path.read_text(encoding="ascii", errors="replace"))
            if found:
                return int(found[1])
    return 0


def _group_counters() -> Iterator[Path]:
    """Files that may count our group's kills: those of cgroups v2 before those of v1."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    # «hierarchy:controllers:path», cgroups(7). In v2 the controllers are empty, and sort first.
    for line in sorted(lines.splitlines(), key=lambda line: line.split(":")[1]):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, name = _GROUPS, "memory.events"
        elif "memory" in controllers.split(","):
            base, name = _GROUPS / "memory", "memory.oom_control"
        else:
            continue
        # In a container the mount may begin at the container's own group already.
        yield from (base / path.lstrip("/") / name, base / name)


def _members(leader: int, mark: bytes) -> list[_Process]:
    processes = [p for p in map(_read, _pids()) if p is not None]
    inside = {p.pid for p in processes if p.session == leader or _is_marked(p.pid, mark)}
    inside.add(leader)
    grown = True
    while grown:
        children = {p.pid for p in processes if p.parent in inside} - inside
        inside |= children
        grown = bool(children)
    return [p for p in processes if p.pid in inside and p.state not in "ZX"]


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _read(pid: int) -> _Process | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name is in parentheses and may hold anything, also parentheses: proc_pid_stat(5).
    fields = text.rpartition(")")[2].split()
    return _Process(
        pid=pid,
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        started=fields[19],
    )


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(process: _Process) -> None:
    """Kill it, and never a stranger that got its number since it was read."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            now = _read(process.pid)
            if now is not None and now.started == process.started:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
