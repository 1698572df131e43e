"""Opcodes that make lists, tuples, dicts and sets on the stack of a pickle machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ckptmatrix.archive.nodes import Made, Mapping, SetOf
from ckptmatrix.archive.pickle_values import Opcodes, ValueOpcodes
from ckptmatrix.archive.tally import PickleError

if TYPE_CHECKING:
    from ckptmatrix.archive.nodes import Node
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Budget, Found

__all__ = ["ContainerOpcodes", "set_pairs"]

_EMPTY: Final[tuple[Node, ...]] = ()


class ContainerOpcodes(ValueOpcodes):
    """Marks on the stack, and what makes containers of what is above them.

    Args:
        source: Where the pickle is.
        offset: Where it begins.
        budget: What it may cost.
        found: Where what it does is put down.
    """

    def __init__(self, source: Source, offset: int, budget: Budget, found: Found) -> None:
        super().__init__(source, offset, budget, found)
        self._marks: list[list[Node]] = []

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
        set_pairs(made, items)
        self._stack.append(made)

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        set_pairs(self._stack[-1], [key, value])

    def _setitems(self) -> None:
        items = self._pop_to_mark()
        set_pairs(self._stack[-1], items)

    def _empty_set(self) -> None:
        self._stack.append(SetOf([], frozen=False))

    def _additems(self) -> None:
        items = self._pop_to_mark()
        _extend(self._stack[-1], items)

    def _frozenset(self) -> None:
        items = self._pop_to_mark()
        self._stack.append(SetOf(items, frozen=True))

    #: Opcode → what it does here.
    CONTAINERS: ClassVar[Opcodes] = {
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
    }


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


def set_pairs(target: Node, items: list[Node]) -> None:
    """Set keys and values, which follow each other, in a dict or something like one."""
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
