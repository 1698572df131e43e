"""Cuts a stream of bytes into lines of bounded length."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Flooded", "LineCutter", "Tail"]


class Flooded(Exception):  # noqa: N818 - named for what happened to the stream
    """A line is longer than it may be."""


class LineCutter:
    """Passes on complete lines without their ends.

    Args:
        on_line: Called for each.
        longest: Bytes a line may have.
    """

    def __init__(self, on_line: Callable[[bytes], None], longest: int) -> None:
        self._on_line = on_line
        self._longest = longest
        self._begun: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> None:
        """Take what came next.

        Raises:
            Flooded: A line, finished or not, is too long.
        """
        *finished, rest = chunk.split(b"\n")
        for piece in finished:
            self._add(piece)
            line = b"".join(self._begun)
            self._begun, self._length = [], 0
            self._on_line(line)
        if rest:
            self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > self._longest:
            raise Flooded
        self._begun.append(piece)


class Tail:
    """Keeps the end of what is fed to it.

    Args:
        size: Bytes kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = b""

    def feed(self, chunk: bytes) -> None:
        """Take what came next."""
        self._kept = (self._kept + chunk)[-self._size :]

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")
