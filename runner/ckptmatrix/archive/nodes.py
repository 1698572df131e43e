"""What a pickle would make, as values that make nothing.

None, booleans, numbers, texts, bytes, lists and tuples stand for themselves.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Blob", "Made", "Mapping", "Name", "Node", "Persistent", "SetOf", "dotted_name"]

#: Anything a pickle can put on its stack.
Node = Any


class Name:
    """A global: ``module.name``, looked up and not called."""

    __slots__ = ("dotted", "module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name
        self.dotted = f"{module}.{name}"


class Blob:
    """A text, bytes or number too long to keep.

    Attributes:
        kind: ``str``, ``bytes`` or ``int``.
        length: Bytes in the file.
        offset: Where they begin in the pickle.
    """

    __slots__ = ("kind", "length", "offset")

    def __init__(self, kind: str, length: int, offset: int) -> None:
        self.kind = kind
        self.length = length
        self.offset = offset


class Mapping:
    """A dict, as pairs in order."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Node, Node]] | None = None) -> None:
        self.pairs = pairs


class SetOf:
    """A set or frozenset."""

    __slots__ = ("frozen", "items")

    def __init__(self, items: list[Node], *, frozen: bool) -> None:
        self.items = items
        self.frozen = frozen


class Persistent:
    """What a persistent id stands for: a storage of torch."""

    __slots__ = ("id",)

    def __init__(self, persistent_id: Node) -> None:
        self.id = persistent_id


class Made:
    """What a call or a class makes.

    Attributes:
        of: What is called.
        arguments: What it is given, usually a tuple.
        state: What ``__setstate__`` or ``__dict__`` is given, or None.
        items: What is appended to it, or None.
        pairs: What is set in it, or None.
    """

    __slots__ = ("arguments", "items", "of", "pairs", "state")

    def __init__(self, of: Node, arguments: Node) -> None:
        self.of = of
        self.arguments = arguments
        self.state: Node = None
        self.items: list[Node] | None = None
        self.pairs: list[tuple[Node, Node]] | None = None


def dotted_name(node: Node) -> str:
    """``module.name`` of a global, empty for everything else."""
    return node.dotted if isinstance(node, Name) else ""
