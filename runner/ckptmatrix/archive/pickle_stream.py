"""The bytes of a pickle, taken in order and within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.tally import PickleError, PickleLimit

if TYPE_CHECKING:
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Budget

__all__ = ["PickleStream"]

_LONGEST_LINE = 1 << 16


class PickleStream:
    """A pickle and how far it was read.

    Args:
        source: Where it is.
        offset: Where it begins.
        budget: What it may cost; what it costs is taken off.
    """

    def __init__(self, source: Source, offset: int, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._base = offset
        self._buffer = b""
        self._position = 0
        self._size = 0

    @property
    def offset(self) -> int:
        """Where in the source it has come to."""
        return self._base + self._position

    def _fill(self, count: int) -> None:
        """Have ``count`` bytes in the buffer."""
        left = self._buffer[self._position :]
        self._base += self._position
        self._position = 0
        wanted = max(count, self._budget.chunk) - len(left)
        more = self._source.read(self._base + len(left), wanted)
        self._budget.bytes -= len(more)
        if self._budget.bytes < 0:
            message = "its pickles are longer than what is read of them"
            raise PickleLimit(message)
        self._buffer = left + more if left else more
        self._size = len(self._buffer)
        if self._size < count:
            self._position = self._size
            message = f"the pickle is cut off at byte {self._base + self._size}"
            raise PickleError(message)

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > self._size:
            self._fill(count)
            end = count
        data = self._buffer[self._position : end]
        self._position = end
        return data

    def _skip(self, count: int) -> int:
        """Pass over a payload; where it began."""
        began = self.offset
        if began + count > self._source.size:
            message = f"the pickle is cut off: {count:,} bytes are said to follow byte {began}"
            raise PickleError(message)
        if self._position + count <= self._size:
            self._position += count
        else:
            self._base = began + count
            self._buffer, self._position, self._size = b"", 0, 0
        return began

    def _line(self) -> bytes:
        end = self._buffer.find(b"\n", self._position)
        while end < 0:
            have = self._size - self._position
            if have >= _LONGEST_LINE:
                message = f"a line of the pickle does not end, at byte {self.offset}"
                raise PickleError(message)
            self._fill(have + 1)
            end = self._buffer.find(b"\n", self._position)
        line = self._buffer[self._position : end]
        self._position = end + 1
        return line

    def _byte(self) -> int:
        position = self._position
        if position >= self._size:
            self._fill(1)
            position = 0
        self._position = position + 1
        return self._buffer[position]

    def _uint2(self) -> int:
        return int.from_bytes(self._take(2), "little")

    def _uint4(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _uint8(self) -> int:
        return int.from_bytes(self._take(8), "little")
