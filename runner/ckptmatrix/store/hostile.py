"""Reads files a cell wrote, without being led astray by them.

A path may be a link to somewhere else, a file may be a device or a pipe, and a process of the cell
may still change it. Everything here opens step by step and follows no link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.store.failures import explained
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["copy_hashed", "files_below", "hash_of", "is_folder", "opened", "refused"]

_CHUNK = 1 << 20
_MAX_FILES = 10_000
_MAX_DEPTH = 100


def refused(path: Path, what: str) -> CellError:
    """The error for something a checkpoint cannot be."""
    return CellError(Reason.CELL_MISBEHAVED, f"{_shown(path)} {what}")


@contextmanager
def opened(path: Path | str, below: Path | int | None = None) -> Iterator[int]:
    """Open a file or folder; no part of ``path`` may be a link.

    Args:
        path: Absolute or relative when ``below`` is None, and then only its last part is checked.
            Else a path below that folder, of which each part is checked.
        below: A trusted folder, or a descriptor of one.

    Yields:
        A descriptor to read from.

    Raises:
        CellError: It is a link, absent, unreadable, or neither a file nor a folder.
    """
    if below is None:
        fd = _open_at(None, str(path), Path(path))
    elif isinstance(below, int):
        fd = _descend(os.dup(below), path)
    else:
        fd = _descend(_open_at(None, str(below), below), path)
    try:
        yield fd
    finally:
        os.close(fd)


def is_folder(fd: int) -> bool:
    """Whether an open descriptor is a folder's."""
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def files_below(top: int, shown: Path) -> Iterator[str]:
    """Paths of all files in a folder, relative to it, in no particular order.

    Args:
        top: Descriptor of the folder.
        shown: Its path, for messages.

    Raises:
        CellError: Something in it is neither a file nor a folder, or there is too much of it.
    """
    count = 0
    for folder, folders, files, fd in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        for name in (*folders, *files):
            path = PurePosixPath(folder, name)
            count += 1
            if count > _MAX_FILES or len(path.parts) > _MAX_DEPTH:
                raise refused(shown, f"holds more than {_MAX_FILES} files, or is too deep")
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                yield str(path)
            elif not stat.S_ISDIR(mode):
                raise refused(shown / path, "is neither a file nor a folder")


def hash_of(fd: int) -> str:
    """SHA-256 of an open file, in hex."""
    total = hashlib.sha256()
    while chunk := os.read(fd, _CHUNK):
        total.update(chunk)
    return total.hexdigest()


def copy_hashed(source: int, target: Path, *, at_most: int) -> tuple[int, str]:
    """Copy an open file to a new, read-only one.

    Args:
        source: Descriptor to read from.
        target: The new file.
        at_most: Bytes after which to stop: one more is enough to know that it is too long.

    Returns:
        How many bytes were copied, and their SHA-256.

    Raises:
        StoreError: The new file cannot be written.
    """
    total = hashlib.sha256()
    size = 0
    with explained(target), target.open("xb") as file:
        while size <= at_most and (chunk := os.read(source, _CHUNK)):
            total.update(chunk)
            file.write(chunk)
            size += len(chunk)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
    return size, total.hexdigest()


def _descend(fd: int, path: Path | str) -> int:
    for part in PurePosixPath(path).parts:
        try:
            if part in {"..", "/"}:
                raise refused(Path(path), "leaves its folder")
            step = _open_at(fd, part, Path(path))
        finally:
            os.close(fd)
        fd = step
    return fd


def _open_at(folder: int | None, name: str, shown: Path) -> int:
    """Open without following a link, without waiting for a pipe."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        what = {
            errno.ELOOP: "is a link",
            errno.ENOENT: "is not there",
            errno.ENOTDIR: "is below something that is not a folder",
            errno.ENXIO: "is neither a file nor a folder",
        }.get(error.errno or 0, f"cannot be read: {error.strerror}")
        raise refused(shown, what) from error
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.close(fd)
        raise refused(shown, "is neither a file nor a folder")
    return fd


def _shown(path: Path) -> str:
    return ascii(str(path)[-200:])
