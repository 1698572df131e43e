"""Bytes of a file, or of a part of one, read where asked."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileSource", "MemorySource", "Part", "Source"]


class Source(Protocol):
    """Something with bytes."""

    @property
    def size(self) -> int:
        """How many."""
        ...

    def read(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer at the end, none beyond it."""
        ...


class FileSource:
    """A regular file, opened without waiting for anybody.

    Raises:
        OSError: It cannot be opened, or is a device, a FIFO or a socket.
    """

    def __init__(self, path: Path) -> None:
        # Without O_NONBLOCK, opening a FIFO waits for somebody to write to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        self.size = found.st_size

    def read(self, offset: int, count: int) -> bytes:
        """Read a part."""
        if offset < 0 or offset >= self.size or count <= 0:
            return b""
        count = min(count, self.size - offset)
        data = os.pread(self._descriptor, count, offset)
        if len(data) == count or not data:
            return data
        pieces = [data]
        have = len(data)
        while have < count and (data := os.pread(self._descriptor, count - have, offset + have)):
            pieces.append(data)
            have += len(data)
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MemorySource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, count: int) -> bytes:
        """Read a part."""
        return self._data[offset : offset + count] if offset >= 0 and count > 0 else b""


class Part:
    """A stretch of another source.

    Args:
        source: The whole.
        offset: Where the stretch begins.
        size: How long it is; what lies beyond the end of the whole is cut off.
    """

    def __init__(self, source: Source, offset: int, size: int) -> None:
        self._source = source
        self._offset = offset
        self.size = max(0, min(size, source.size - offset))

    def read(self, offset: int, count: int) -> bytes:
        """Read a part."""
        if offset < 0 or offset >= self.size:
            return b""
        return self._source.read(self._offset + offset, min(count, self.size - offset))
