"""A pickle machine that makes nothing: it follows the opcodes and says what they would do.

The opcodes are those of Python's ``pickle`` up to protocol 5 (PEP 3154, PEP 574).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ckptmatrix.archive.nodes import Blob, Made, Mapping, Name, Node, Persistent
from ckptmatrix.archive.pickle_containers import ContainerOpcodes, set_pairs
from ckptmatrix.archive.reading import UNNAMED
from ckptmatrix.archive.source import MemorySource, Part
from ckptmatrix.archive.tally import PickleError, PickleLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Budget, Found

__all__ = ["Machine"]

#: Loads a checkpoint that is given to it: so pickle keeps storages by itself.
_INNER = "torch.storage._load_from_bytes"
#: Magic number, protocol version, facts about the system, and the object.
_BEFORE_AND_OBJECT = 4
#: Of a state with at most so many attributes, what it is when it is given is kept.
_SMALL_STATE = 16
#: Where it is a text, of that much of its beginning, in which the object is.
_INNER_HEAD = 1 << 14
#: What stands for None among the lengths of tuples.
_NONE = -1
_STOP = ord(".")


def _table(methods: dict[bytes, Callable[[Any], None]]) -> list[Callable[[Any], None]]:
    """What each of the 256 bytes does as an opcode."""
    return [methods.get(bytes([code]), _no_opcode) for code in range(256)]


def _no_opcode(machine: Machine) -> None:
    at = machine.offset - 1
    message = f"byte {at} is no pickle opcode"
    raise PickleError(message)


class Machine(ContainerOpcodes):
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
        super().__init__(source, offset, budget, found)
        self._nested = nested
        self._memo: dict[int, Node] = {}
        self._interned: dict[tuple[str, str], Name] = {}

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
                set_pairs(below, items[: len(items) // 2 * 2])
            elif isinstance(below, list):
                below.extend(items)
        return self._stack[0] if self._stack else None

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
        calls[dotted or UNNAMED, len(arguments) if known else -1, shape] += 1
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
            self._found.unread = True
            return data
        found = self._found.of_inner()
        offset = 0
        made: Node = None
        try:
            for _ in range(_BEFORE_AND_OBJECT):
                machine = Machine(source, offset, budget, found, self._nested)
                made = machine.run()
                offset = machine.offset
            # The list of its storages is unpickled as well; which opcodes it has says nothing.
            keys = found.of_inner()
            keys.opcodes = bytearray(256)
            Machine(source, offset, budget, keys, self._nested).run()
            found.unread = found.unread or keys.unread
        except PickleError as error:
            message = f"in the checkpoint that {_INNER} is given: {error}"
            raise PickleError(message) from None
        except PickleLimit:
            self._found.unread = True
            return data
        self._found.unread = self._found.unread or found.unread
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
            if made.state is not None:
                # Python adds the second to the first.
                self._found.odd["BUILD once more"] += 1
            if isinstance(state, Mapping) and len(state.pairs or ()) <= _SMALL_STATE:
                # What is set in the dict later is not the object's any more.
                state = Mapping(list(state.pairs or ()))
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
            **ContainerOpcodes.VALUES,
            **ContainerOpcodes.CONTAINERS,
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
