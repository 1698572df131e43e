"""A user's own file or folder as the checkpoint it is: its size and digests, read once."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError, UsageError
from ckptmatrix.store.hostile import files_below, is_folder, opened
from ckptmatrix.wire import Checkpoint, CheckpointFile

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["describe"]

_CHUNK = 1 << 20


def describe(path: Path) -> Checkpoint:
    """What lies at a path, as a cell describes what it saved: equal content has equal digests.

    Args:
        path: A file, or a folder whose files are all regular. A link is followed.

    Raises:
        UsageError: It is not there, cannot be read, changes while it is read, or is something that
            a checkpoint cannot be.
    """
    try:
        real = path.resolve(strict=True)
        with opened(real) as top:
            if not is_folder(top):
                size, sha256 = _hashed(top, path)
                only = CheckpointFile(path=".", bytes=size, sha256=sha256)
                return Checkpoint(sha256=sha256, bytes=size, files=(only,))
            found = []
            for name in sorted(files_below(top, path)):
                with opened(name, top) as fd:
                    size, sha256 = _hashed(fd, path / name)
                found.append(CheckpointFile(path=name, bytes=size, sha256=sha256))
    except (OSError, RuntimeError) as error:
        what = getattr(error, "strerror", None) or str(error)
        msg = f"{path} cannot be read: {what}"
        raise UsageError(msg) from error
    except (CellError, ValueError) as error:
        msg = f"{path} cannot be read as a checkpoint: {error}"
        raise UsageError(msg) from error
    lines = "".join(f"{file.sha256}  {file.path}\n" for file in found)
    return Checkpoint(
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
        bytes=sum(file.bytes for file in found),
        files=tuple(found),
    )


def _hashed(fd: int, shown: Path) -> tuple[int, str]:
    before = os.fstat(fd)
    total, size = hashlib.sha256(), 0
    while chunk := os.read(fd, _CHUNK):
        total.update(chunk)
        size += len(chunk)
    after = os.fstat(fd)
    if size != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        msg = f"{shown} changes while it is read: wait until it is written, and try again"
        raise UsageError(msg)
    return size, total.hexdigest()
