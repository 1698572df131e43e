"""Files that are small when they are what they should be: read whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_small"]


def read_small(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Args:
        path: The file; a link is followed.
        most: How many bytes are read at most.

    Raises:
        OSError: It cannot be read, is no file or is larger: a pipe that nobody writes to stops
            nobody, and a device without an end fills no memory.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        body = file.read(most + 1)
    if len(body) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return body
