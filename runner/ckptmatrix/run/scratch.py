"""A run's own folder for what it needs only while it lives, and the end of those of dead runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PREFIX", "own_scratch", "sweep"]

#: How the names of scratch folders begin.
PREFIX = "ckptmatrix-run-"
#: File that a living run holds locked. A lock ends with its process, however that ends, and is
#: seen from other containers, where process ids mean nothing.
_LOCK = ".lock"


@contextmanager
def own_scratch() -> Iterator[Path]:
    """Sweep, then make a scratch folder below ``TMPDIR``; it is removed at the end.

    Raises:
        OSError: It cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    folder, lock = _make(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove scratch folders whose run is dead; those of other users and of the living stay.

    Args:
        parent: Where they lie.
    """
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A sweep may have come between the two lines above and have taken it for a dead run's.
        if (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)
