"""The line to a container: its standard input held open, its two outputs read as they come.

Two connections, made before the container starts: one only writes, one only reads. A connection is
then never used by two threads, whatever carries it (a socket, TLS, ssh). When this process dies the
engine sees the first one close, and closes the program's standard input.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self, cast

import requests
from docker.errors import DockerException
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.api import APIClient

__all__ = ["ENGINE_ERRORS", "Connection", "Piece", "Talk", "Which", "frames"]

#: What the SDK raises when an engine refuses, or cannot be reached any more.
ENGINE_ERRORS = (DockerException, requests.RequestException, HTTPError, OSError)

CHUNK = 1 << 18
#: Pieces that wait to be looked at. When there are as many, reading stops, the engine's own buffers
#: fill, and the container waits: nothing is lost and nothing grows.
WAITING = 32
_PATIENCE_S = 0.2
_HEADER = struct.Struct(">B3xL")


class Which(Enum):
    """Where a piece comes from."""

    STDOUT = 1
    STDERR = 2
    #: The engine itself says that something went wrong.
    ENGINE = 3
    #: Nothing follows.
    END = 0


@dataclass(frozen=True)
class Piece:
    """Some bytes of one stream."""

    which: Which
    data: bytes = b""


class Connection:
    """One attached connection, whatever carries it.

    Args:
        api: The engine.
        container: Id of a container that was created and not yet started.
        streams: Any of ``stdin``, ``stdout``, ``stderr``.

    Raises:
        docker.errors.APIError: The engine does not attach.
    """

    def __init__(self, api: APIClient, container: str, *streams: str) -> None:
        params = {name: int(name in streams) for name in ("stdin", "stdout", "stderr")}
        # Kept because the SDK closes the connection when this object is collected.
        self._attached = api.attach_socket(container, params={**params, "stream": 1})
        # For plain sockets the SDK gives a reader around the socket itself.
        self._socket = getattr(self._attached, "_sock", self._attached)
        self._socket.settimeout(None)

    def recv(self, size: int) -> bytes:
        """Read at most so much; nothing at the end."""
        return cast("bytes", self._socket.recv(size))

    def sendall(self, data: bytes) -> None:
        """Write all of it."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close it, also under a thread that waits in :meth:`recv`."""
        response = getattr(self._attached, "_response", None)
        for close in (
            lambda: self._socket.shutdown(socket.SHUT_RDWR),
            response.close if response is not None else lambda: None,
            self._attached.close,
            self._socket.close,
        ):
            with suppress(*ENGINE_ERRORS):
                close()


class Talk:
    """Both connections of a container that was created and not yet started.

    Args:
        api: The engine.
        container: Its id.
        first_line: Written to its standard input, with an end of line added.

    Raises:
        docker.errors.APIError: The engine does not attach.
    """

    def __init__(self, api: APIClient, container: str, first_line: bytes) -> None:
        self.pieces: queue.Queue[Piece] = queue.Queue(WAITING)
        self._closed = threading.Event()
        self._first_line = first_line
        self._name = container[:12]
        self._input = Connection(api, container, "stdin")
        try:
            self._output = Connection(api, container, "stdout", "stderr")
        except BaseException:
            self._input.close()
            raise
        threading.Thread(target=self._read, name=f"read-{self._name}", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; may be called again."""
        self._closed.set()
        self._input.close()
        self._output.close()

    def begin(self) -> None:
        """Send the first line, without waiting until it is read; the container was started."""
        threading.Thread(target=self._write, name=f"write-{self._name}", daemon=True).start()

    def _write(self) -> None:
        with suppress(*ENGINE_ERRORS):
            self._input.sendall(self._first_line + b"\n")

    def _read(self) -> None:
        try:
            for piece in frames(self._output):
                if not self._put(piece):
                    return
        except ENGINE_ERRORS as error:
            self._put(Piece(Which.ENGINE, str(error).encode()))
        self._put(Piece(Which.END))

    def _put(self, piece: Piece) -> bool:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self.pieces.put(piece, timeout=_PATIENCE_S)
                return True
        return False


class _Readable(Protocol):
    def recv(self, size: int, /) -> bytes: ...


def frames(connection: _Readable) -> Iterator[Piece]:
    """Take apart the engine's mixture of both outputs.

    Each frame is eight bytes (stream, three zeros, size as a big-endian integer) and its content
    (Engine API, «Attach to a container»). Reads ask for exactly what must come, because some
    transports wait until they have all that was asked for.

    Raises:
        OSError: It ended in the middle of a frame.
    """
    while header := _exactly(connection, _HEADER.size):
        stream, left = _HEADER.unpack(header)
        which = Which(stream) if stream in {1, 2, 3} else Which.ENGINE
        while left:
            data = connection.recv(min(left, CHUNK))
            if not data:
                raise _cut_off()
            left -= len(data)
            yield Piece(which, data)


def _exactly(connection: _Readable, size: int) -> bytes:
    data = connection.recv(size)
    while data and len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise _cut_off()
        data += more
    return data


def _cut_off() -> OSError:
    msg = "the connection to the engine broke"
    return OSError(msg)
