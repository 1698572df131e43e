"""Opcodes that put numbers, texts and bytes on the stack of a pickle machine."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ckptmatrix.archive.nodes import Blob
from ckptmatrix.archive.pickle_stream import PickleStream
from ckptmatrix.archive.tally import PickleError, PickleLimit

if TYPE_CHECKING:
    from ckptmatrix.archive.nodes import Node
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Budget, Found

__all__ = ["Opcodes", "ValueOpcodes"]

#: Opcode → the method that follows it.
Opcodes = dict[bytes, Callable[[Any], None]]

_LONGEST_NUMBER = 1024
_HIGHEST_PROTOCOL = 5
_DOUBLE = struct.Struct(">d")


class ValueOpcodes(PickleStream):
    """A machine's stack, and what puts plain values on it.

    Args:
        source: Where the pickle is.
        offset: Where it begins.
        budget: What it may cost.
        found: Where what it does is put down.
    """

    def __init__(self, source: Source, offset: int, budget: Budget, found: Found) -> None:
        super().__init__(source, offset, budget)
        self._found = found
        self._stack: list[Node] = []

    def _proto(self) -> None:
        protocol = self._byte()
        if protocol > _HIGHEST_PROTOCOL:
            message = f"it says it is a pickle of protocol {protocol}, which does not exist"
            raise PickleError(message)
        self._found.protocol = max(protocol, self._found.protocol or 0)

    def _frame(self) -> None:
        self._take(8)

    def _int(self) -> None:
        line = self._line().strip()
        if line in {b"00", b"01"}:
            self._stack.append(line == b"01")
        else:
            self._stack.append(self._decimal(line))

    def _long(self) -> None:
        self._stack.append(self._decimal(self._line().strip().removesuffix(b"L")))

    def _decimal(self, digits: bytes) -> Node:
        if len(digits) > _LONGEST_NUMBER:
            return Blob("int", len(digits), self.offset)
        try:
            return int(digits)
        except ValueError:
            message = f"the pickle has a number that is none, at byte {self.offset}"
            raise PickleError(message) from None

    def _float(self) -> None:
        try:
            self._stack.append(float(self._line()))
        except ValueError:
            message = f"the pickle has a number that is none, at byte {self.offset}"
            raise PickleError(message) from None

    def _binfloat(self) -> None:
        self._stack.append(_DOUBLE.unpack(self._take(8))[0])

    def _binint(self) -> None:
        self._stack.append(int.from_bytes(self._take(4), "little", signed=True))

    def _binint1(self) -> None:
        self._stack.append(self._byte())

    def _binint2(self) -> None:
        self._stack.append(int.from_bytes(self._take(2), "little"))

    def _long1(self) -> None:
        self._stack.append(int.from_bytes(self._take(self._byte()), "little", signed=True))

    def _long4(self) -> None:
        count = int.from_bytes(self._take(4), "little", signed=True)
        if count < 0:
            message = f"the pickle has a number of negative length, at byte {self.offset}"
            raise PickleError(message)
        if count > _LONGEST_NUMBER:
            self._stack.append(Blob("int", count, self._skip(count)))
        else:
            self._stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def _none(self) -> None:
        self._stack.append(None)

    def _true(self) -> None:
        self._stack.append(True)

    def _false(self) -> None:
        self._stack.append(False)

    def _text(self, count: int) -> None:
        if count > self._budget.longest_text:
            self._stack.append(Blob("str", count, self._skip(count)))
            return
        self._budget.text -= count
        if self._budget.text < 0:
            message = "its pickles hold more text than is kept"
            raise PickleLimit(message)
        self._stack.append(str(self._take(count), "utf-8", "backslashreplace"))

    def _octets(self, count: int) -> None:
        if count > self._budget.longest_text:
            self._stack.append(Blob("bytes", count, self._skip(count)))
        else:
            self._stack.append(self._take(count))

    def _string(self) -> None:
        line = self._line()
        if len(line) > self._budget.longest_text:
            self._stack.append(Blob("str", len(line), self.offset))
        else:
            text = line.strip()
            inner = text[1:-1] if text[:1] in {b"'", b'"'} else text
            self._stack.append(str(inner, "latin-1"))

    def _unicode(self) -> None:
        line = self._line()
        if len(line) > self._budget.longest_text:
            self._stack.append(Blob("str", len(line), self.offset))
        else:
            text = str(line, "raw-unicode-escape", "replace")
            # Half a surrogate pair can be written so, and printed nowhere.
            self._stack.append(str(text.encode("utf-8", "backslashreplace"), "utf-8"))

    def _binstring(self) -> None:
        # Python 2's texts: no encoding is known, and torch's are ASCII.
        count = self._uint4()
        if count > self._budget.longest_text:
            self._stack.append(Blob("str", count, self._skip(count)))
        else:
            self._stack.append(str(self._take(count), "latin-1"))

    def _short_binstring(self) -> None:
        self._stack.append(str(self._take(self._byte()), "latin-1"))

    def _binunicode(self) -> None:
        # The commonest opcode of all: what is in the buffer is taken without further calls.
        position = self._position
        start = position + 4
        if start <= self._size:
            count = int.from_bytes(self._buffer[position:start], "little")
            end = start + count
            budget = self._budget
            if end <= self._size and count <= budget.longest_text and budget.text > count:
                budget.text -= count
                self._position = end
                self._stack.append(str(self._buffer[start:end], "utf-8", "backslashreplace"))
                return
        self._text(self._uint4())

    def _short_binunicode(self) -> None:
        self._text(self._byte())

    def _binunicode8(self) -> None:
        self._text(self._uint8())

    def _binbytes(self) -> None:
        self._octets(self._uint4())

    def _short_binbytes(self) -> None:
        self._octets(self._byte())

    def _binbytes8(self) -> None:
        self._octets(self._uint8())

    def _next_buffer(self) -> None:
        self._found.odd["NEXT_BUFFER"] += 1
        self._stack.append(Blob("bytes", 0, self.offset))

    def _readonly_buffer(self) -> None:
        self._stack[-1]

    #: Opcode → what it does here.
    VALUES: ClassVar[Opcodes] = {
        b"\x80": _proto,
        b"\x95": _frame,
        b"F": _float,
        b"G": _binfloat,
        b"I": _int,
        b"J": _binint,
        b"K": _binint1,
        b"M": _binint2,
        b"L": _long,
        b"\x8a": _long1,
        b"\x8b": _long4,
        b"N": _none,
        b"\x88": _true,
        b"\x89": _false,
        b"S": _string,
        b"T": _binstring,
        b"U": _short_binstring,
        b"V": _unicode,
        b"X": _binunicode,
        b"\x8c": _short_binunicode,
        b"\x8d": _binunicode8,
        b"B": _binbytes,
        b"C": _short_binbytes,
        b"\x8e": _binbytes8,
        b"\x96": _binbytes8,
        b"\x97": _next_buffer,
        b"\x98": _readonly_buffer,
    }
