"""A pickle machine that makes nothing: it follows the opcodes and says what they would do.

The opcodes are those of Python's ``pickle`` up to protocol 5 (PEP 3154, PEP 574).
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ckptmatrix.archive.nodes import Blob, Made, Mapping, Name, Node, Persistent, SetOf
from ckptmatrix.archive.source import MemorySource, Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.source import Source

__all__ = ["Budget", "Found", "Machine", "PickleError", "PickleLimit"]

_CHUNK = 1 << 16
#: Loads a checkpoint that is given to it: so pickle keeps storages by itself.
_INNER = "torch.storage._load_from_bytes"
#: Magic number, protocol version, facts about the system, and the object.
_BEFORE_AND_OBJECT = 4
_INNER_CHUNK = 1 << 10
#: Where it is a text, of that much of its beginning, in which the object is.
_INNER_HEAD = 1 << 14
_LONGEST_LINE = 1 << 16
_LONGEST_NUMBER = 1024
_HIGHEST_PROTOCOL = 5
_MOST_STATES = 1_000
#: What stands for None among the lengths of tuples.
_NONE = -1
_MOST_ATTRIBUTES = 500
_LONGEST_NAME = 200


class PickleError(Exception):
    """The bytes are no pickle, or not all of one."""


class PickleLimit(Exception):  # noqa: N818 - nothing is wrong with the file
    """There is more in it than is read."""


class Budget:
    """What the pickles of one file may still cost, together.

    Attributes:
        inner: The same for checkpoints inside its checkpoints; None for those themselves, inside
            which nothing is looked for.
    """

    def __init__(self, limits: Limits, *, outer: bool = True) -> None:
        self.chunk = _CHUNK if outer else _INNER_CHUNK
        self.inner = Budget(limits, outer=False) if outer else None
        self.opcodes = limits.opcodes
        self.bytes = limits.pickle_bytes
        self.text = limits.kept_text
        self.longest_text = limits.text
        self.names = limits.globals
        self.persistent = limits.persistent


class Found:
    """What the pickles of one file do, together.

    Attributes:
        names: Global → how often.
        calls: What is called, arguments → how often.
        persistent: Persistent ids, in order.
        inner: Those of checkpoints inside it, whose storages lie in them.
        unread: Whether there were more checkpoints inside it than are read.
        odd: Opcode → how often, of those that no pickler of Python 3 writes.
        protocol: Highest one declared.
        opcodes: Opcode → 1 when it is used.
        states: Class of torch → what the states of all its objects have.
    """

    def __init__(self) -> None:
        self.opcodes = bytearray(256)
        self.states: dict[str, set[str]] = {}
        self.names: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[tuple[str, int, tuple[int, ...]]] = Counter()
        self.persistent: list[Node] = []
        self.inner: list[Node] = []
        self.unread = False
        self.odd: Counter[str] = Counter()
        self.protocol: int | None = None

    def of_inner(self) -> Found:
        """What a checkpoint inside does: put down with the rest, but for what lies beside it."""
        inner = Found()
        inner.names, inner.calls, inner.odd = self.names, self.calls, self.odd
        inner.opcodes, inner.states, inner.inner = self.opcodes, self.states, self.inner
        return inner

    def note_state(self, kind: Name, state: Mapping) -> None:
        """Put down what an object of a class is given."""
        known = self.states.get(kind.dotted)
        if not kind.module.startswith("torch.") or (
            known is None and len(self.states) >= _MOST_STATES
        ):
            return
        pairs = (state.pairs or [])[:_MOST_ATTRIBUTES]
        names = {key for key, _ in pairs if type(key) is str and len(key) <= _LONGEST_NAME}
        self.states[kind.dotted] = names if known is None else known & names


#: What has to be on the stack below a list of arguments.
_EMPTY: Final[tuple[Node, ...]] = ()


_STOP = ord(".")
_DOUBLE = struct.Struct(">d")


def _table(methods: dict[bytes, Callable[[Any], None]]) -> list[Callable[[Any], None]]:
    """What each of the 256 bytes does as an opcode."""
    return [methods.get(bytes([code]), _no_opcode) for code in range(256)]


def _no_opcode(machine: Machine) -> None:
    at = machine.offset - 1
    message = f"byte {at} is no pickle opcode"
    raise PickleError(message)


class Machine:
    """Follows one pickle.

    Args:
        source: Where it is.
        offset: Where it begins.
        budget: What it may cost; what it costs is taken off.
        found: Where what it does is put down.
        nested: Names of functions of whose arguments the lengths of tuples matter.
    """

    def __init__(
        self,
        source: Source,
        offset: int,
        budget: Budget,
        found: Found,
        nested: frozenset[str] = frozenset(),
    ) -> None:
        self._source = source
        self._budget = budget
        self._found = found
        self._nested = nested
        self._base = offset
        self._buffer = b""
        self._position = 0
        self._size = 0
        self._stack: list[Node] = []
        self._marks: list[list[Node]] = []
        self._memo: dict[int, Node] = {}
        self._interned: dict[tuple[str, str], Name] = {}
        self._declared = 0

    @property
    def offset(self) -> int:
        """Where in the source it has come to."""
        return self._base + self._position

    def run(self) -> Node:
        """Follow it to its end.

        Raises:
            PickleError: It is damaged.
            PickleLimit: It is too much.
        """
        table = self._TABLE
        used = self._found.opcodes
        budget = self._budget
        left = budget.opcodes
        try:
            while True:
                position = self._position
                if position >= self._size:
                    self._fill(1)
                    position = self._position
                opcode = self._buffer[position]
                self._position = position + 1
                if opcode == _STOP:
                    return self._stack.pop()
                left -= 1
                if left < 0:
                    message = "it has more pickle opcodes than are followed"
                    raise PickleLimit(message)
                used[opcode] = 1
                table[opcode](self)
        except IndexError:
            message = f"the pickle takes more off its stack than is on it, at byte {self.offset}"
            raise PickleError(message) from None
        finally:
            budget.opcodes = max(0, left)

    def rest(self) -> Node:
        """What was made of it when it ended early: the lowest thing on its stack."""
        while self._marks:
            items, self._stack = self._stack, self._marks.pop()
            if not self._stack:
                self._stack = items
                continue
            below = self._stack[-1]
            if isinstance(below, Mapping):
                _set_pairs(below, items[: len(items) // 2 * 2])
            elif isinstance(below, list):
                below.extend(items)
        return self._stack[0] if self._stack else None

    # Bytes

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

    # Numbers

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

    def _proto(self) -> None:
        protocol = self._byte()
        if protocol > _HIGHEST_PROTOCOL:
            message = f"it says it is a pickle of protocol {protocol}, which does not exist"
            raise PickleError(message)
        self._declared = protocol
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

    # Texts and bytes

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

    # Containers

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _pop_to_mark(self) -> list[Node]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_to_mark()

    def _pop_mark(self) -> None:
        self._pop_to_mark()

    def _dup(self) -> None:
        self._stack.append(self._stack[-1])

    def _empty_list(self) -> None:
        self._stack.append([])

    def _append(self) -> None:
        item = self._stack.pop()
        _extend(self._stack[-1], [item])

    def _appends(self) -> None:
        items = self._pop_to_mark()
        _extend(self._stack[-1], items)

    def _list(self) -> None:
        items = self._pop_to_mark()
        self._stack.append(items)

    def _empty_tuple(self) -> None:
        self._stack.append(_EMPTY)

    def _tuple(self) -> None:
        items = self._pop_to_mark()
        self._stack.append(tuple(items))

    def _tuple1(self) -> None:
        self._stack[-1] = (self._stack[-1],)

    def _tuple2(self) -> None:
        stack = self._stack
        last = stack.pop()
        stack[-1] = (stack[-1], last)

    def _tuple3(self) -> None:
        stack = self._stack
        last, middle = stack.pop(), stack.pop()
        stack[-1] = (stack[-1], middle, last)

    def _empty_dict(self) -> None:
        self._stack.append(Mapping())

    def _dict(self) -> None:
        items = self._pop_to_mark()
        made = Mapping()
        _set_pairs(made, items)
        self._stack.append(made)

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        _set_pairs(self._stack[-1], [key, value])

    def _setitems(self) -> None:
        items = self._pop_to_mark()
        _set_pairs(self._stack[-1], items)

    def _empty_set(self) -> None:
        self._stack.append(SetOf([], frozen=False))

    def _additems(self) -> None:
        items = self._pop_to_mark()
        _extend(self._stack[-1], items)

    def _frozenset(self) -> None:
        items = self._pop_to_mark()
        self._stack.append(SetOf(items, frozen=True))

    # Names and calls

    def _name(self, module: str, name: str) -> Name:
        key = (module, name)
        self._found.names[key] += 1
        known = self._interned.get(key)
        if known is None:
            if len(self._found.names) > self._budget.names:
                message = "its pickles look up more different names than are kept"
                raise PickleLimit(message)
            known = self._interned[key] = Name(module, name)
        return known

    def _text_of_line(self) -> str:
        line = self._line()
        if len(line) > self._budget.longest_text:
            message = f"the pickle has a name of {len(line):,} characters"
            raise PickleError(message)
        return str(line, "utf-8", "backslashreplace")

    def _global(self) -> None:
        module = self._text_of_line()
        self._stack.append(self._name(module, self._text_of_line()))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            message = f"the pickle looks up a name that is no text, at byte {self.offset}"
            raise PickleError(message)
        self._stack.append(self._name(module, name))

    def _called(self, of: Node, arguments: Node) -> Made:
        known = isinstance(arguments, tuple | list)
        dotted = of.dotted if isinstance(of, Name) else ""
        shape: tuple[int, ...] = ()
        if dotted in self._nested and known:
            shape = tuple(
                _NONE if each is None else len(each)
                for each in arguments
                if each is None or isinstance(each, tuple)
            )
        calls = self._found.calls
        calls[dotted or "?", len(arguments) if known else -1, shape] += 1
        if len(calls) > self._budget.names:
            message = "its pickles make more different calls than are kept"
            raise PickleLimit(message)
        if dotted == _INNER and known and arguments:
            return Made(of, (self._inner(arguments[0]),))
        return Made(of, arguments)

    def _bytes_of(self, data: Node) -> Source | None:
        """Bytes, however they are written; before protocol 3 as a text that is encoded."""
        match data:
            case bytes():
                return MemorySource(data)
            case Blob(kind="bytes"):
                return Part(self._source, data.offset, data.length)
            case Made(of=Name(dotted="_codecs.encode"), arguments=(str() as text, "latin1")):
                return MemorySource(text.encode("latin-1", "replace"))
            case Made(of=Name(dotted="_codecs.encode"), arguments=(Blob() as blob, "latin1")):
                head = self._source.read(blob.offset, min(blob.length, _INNER_HEAD))
                return MemorySource(str(head, "utf-8", "ignore").encode("latin-1", "replace"))
            case _:
                return None

    def _inner(self, data: Node) -> Node:
        """The object of a checkpoint in the old format that lies in this one, as bytes."""
        source, budget = self._bytes_of(data), self._budget.inner
        if source is None or budget is None:
            return data
        found = self._found.of_inner()
        offset = 0
        made: Node = None
        try:
            for _ in range(_BEFORE_AND_OBJECT):
                machine = Machine(source, offset, budget, found, self._nested)
                made = machine.run()
                offset = machine.offset
        except PickleError as error:
            message = f"in the checkpoint that {_INNER} is given: {error}"
            raise PickleError(message) from None
        except PickleLimit:
            self._found.unread = True
            return data
        self._found.inner.extend(found.persistent)
        return made

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._called(self._stack[-1], arguments)

    def _newobj_ex(self) -> None:
        named, arguments = self._stack.pop(), self._stack.pop()
        made = self._called(self._stack[-1], arguments)
        if isinstance(named, Mapping) and named.pairs:
            made.arguments = (arguments, named)
        self._stack[-1] = made

    def _inst(self) -> None:
        module = self._text_of_line()
        name = self._name(module, self._text_of_line())
        self._found.odd["INST"] += 1
        items = self._pop_to_mark()
        self._stack.append(self._called(name, tuple(items)))

    def _obj(self) -> None:
        self._found.odd["OBJ"] += 1
        items = self._pop_to_mark()
        made = self._called(items[0], tuple(items[1:]))
        self._stack.append(made)

    def _extension(self, code: int) -> None:
        self._found.odd["EXT"] += 1
        self._stack.append(self._name("copyreg._inverted_registry", str(code)))

    def _ext1(self) -> None:
        self._extension(self._byte())

    def _ext2(self) -> None:
        self._extension(self._uint2())

    def _ext4(self) -> None:
        self._extension(self._uint4())

    def _build(self) -> None:
        state = self._stack.pop()
        made = self._stack[-1]
        if isinstance(made, Made):
            made.state = state
            if isinstance(made.of, Name) and isinstance(state, Mapping):
                self._found.note_state(made.of, state)
        elif not isinstance(made, Persistent):
            # Only what was made can be given a state: this is an attribute of a class, or nonsense.
            self._found.odd["BUILD of no object"] += 1

    def _persid(self) -> None:
        self._persist(self._text_of_line())

    def _binpersid(self) -> None:
        self._persist(self._stack.pop())

    def _persist(self, persistent_id: Node) -> None:
        match persistent_id:
            case ("module", Name() as module, *_):
                # torch before 1.6 kept a module's source beside its class.
                self._stack.append(module)
                return
            case _:
                made = Persistent(persistent_id)
        if len(self._found.persistent) >= self._budget.persistent:
            message = "its pickles have more persistent ids than are kept"
            raise PickleLimit(message)
        self._found.persistent.append(made)
        self._stack.append(made)

    # The memo

    def _recall(self, index: int) -> None:
        try:
            self._stack.append(self._memo[index])
        except KeyError:
            message = f"the pickle recalls what it never kept, at byte {self.offset}"
            raise PickleError(message) from None

    def _index(self) -> int:
        index = self._decimal(self._line().strip())
        if not isinstance(index, int) or index < 0:
            message = f"the pickle has a number that is none, at byte {self.offset}"
            raise PickleError(message)
        return index

    def _get(self) -> None:
        self._recall(self._index())

    def _binget(self) -> None:
        self._recall(self._byte())

    def _long_binget(self) -> None:
        self._recall(self._uint4())

    def _put(self) -> None:
        self._memo[self._index()] = self._stack[-1]

    def _binput(self) -> None:
        self._memo[self._byte()] = self._stack[-1]

    def _long_binput(self) -> None:
        self._memo[self._uint4()] = self._stack[-1]

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    _TABLE: ClassVar = _table(
        {
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
            b"(": _mark,
            b"0": _pop,
            b"1": _pop_mark,
            b"2": _dup,
            b"]": _empty_list,
            b"a": _append,
            b"e": _appends,
            b"l": _list,
            b")": _empty_tuple,
            b"t": _tuple,
            b"\x85": _tuple1,
            b"\x86": _tuple2,
            b"\x87": _tuple3,
            b"}": _empty_dict,
            b"d": _dict,
            b"s": _setitem,
            b"u": _setitems,
            b"\x8f": _empty_set,
            b"\x90": _additems,
            b"\x91": _frozenset,
            b"c": _global,
            b"\x93": _stack_global,
            b"R": _reduce,
            b"b": _build,
            b"i": _inst,
            b"o": _obj,
            b"\x81": _reduce,
            b"\x92": _newobj_ex,
            b"\x82": _ext1,
            b"\x83": _ext2,
            b"\x84": _ext4,
            b"P": _persid,
            b"Q": _binpersid,
            b"g": _get,
            b"h": _binget,
            b"j": _long_binget,
            b"p": _put,
            b"q": _binput,
            b"r": _long_binput,
            b"\x94": _memoize,
        }
    )


def _extend(target: Node, items: list[Node]) -> None:
    if isinstance(target, list):
        target.extend(items)
    elif isinstance(target, SetOf):
        target.items.extend(items)
    elif isinstance(target, Made):
        if target.items is None:
            target.items = items
        else:
            target.items.extend(items)
    else:
        message = "the pickle appends to what is no list"
        raise PickleError(message)


def _set_pairs(target: Node, items: list[Node]) -> None:
    if len(items) % 2:
        message = "the pickle sets an item that has no value"
        raise PickleError(message)
    if not isinstance(target, Mapping | Made):
        message = "the pickle sets items of what is no dict"
        raise PickleError(message)
    pairs = list(zip(items[::2], items[1::2], strict=True))
    if target.pairs is None:
        target.pairs = pairs
    else:
        target.pairs.extend(pairs)
