"""A checkpoint file to its reading. Bounded in time and memory, whatever the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.reading import Format, Reading

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_checkpoint"]


def read_checkpoint(path: Path) -> Reading:
    """Read a checkpoint file or folder without executing anything in it.

    Raises:
        OSError: It cannot be opened.
    """
    return Reading(format=Format.UNKNOWN, bytes=path.stat().st_size)
