"""Whether the disk has room: what a cell answers on a full disk is no answer of the cell's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.words import Reason, Result

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.wire import Done

__all__ = ["TO_BELIEVE", "TO_START", "believable", "require_room"]

#: Free bytes without which no job is started.
TO_START = 256_000_000
#: Free bytes without which an answer that is not a good one is laid to the disk.
TO_BELIEVE = 16_000_000
#: How Python words ENOSPC, whatever the locale: ``OSError.__str__`` gives the number.
_FULL = "[Errno 28]"
#: Linux's own file without room, which no machine's disk has to do with.
_ALWAYS_FULL = "'/dev/full'"


def require_room(folder: Path, at_least: int) -> None:
    """Refuse to go on where a full disk would be mistaken for what a cell does.

    Args:
        folder: Existing folder on the disk in question.
        at_least: Free bytes needed: :data:`TO_START` or :data:`TO_BELIEVE`.

    Raises:
        CellError: There are fewer.
    """
    free = shutil.disk_usage(folder).free
    if free < at_least:
        message = (
            f"the disk of {folder} has {_megabytes(free)} free and {_megabytes(at_least)} are "
            "needed: free some space, or set TMPDIR to a folder on another disk, and run again"
        )
        raise CellError(Reason.HOST_FULL, message)


def believable(attempts: tuple[Done, ...], folder: Path) -> None:
    """Refuse an answer that a full disk may have given in the cell's place.

    Args:
        attempts: All attempts at one task; one that returned wrote and read all it had to.
        folder: Where the run's jobs write.

    Raises:
        CellError: The last attempt did not return, and the disk is full or the cell said that it
            was.
    """
    last = attempts[-1]
    if last.result is Result.RETURNED:
        return
    require_room(folder, TO_BELIEVE)
    said = "" if last.exception is None else last.exception.message
    if _FULL in said and _ALWAYS_FULL not in said:
        message = (
            f"the cell found its disk full ({said[:200]}): free some space, or "
            "set TMPDIR to a folder on another disk, and run again"
        )
        raise CellError(Reason.HOST_FULL, message)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
