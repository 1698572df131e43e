"""The most memory that this program has used."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> float:
    """The peak of the resident memory since this program was started, in MiB; Linux only.

    ``getrusage`` would not do: its ``ru_maxrss`` begins with the peak of the process that started
    this one (getrusage(2) and proc(5); python/cpython runs programs with ``vfork``).
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1024
