"""What following the pickles of one file may cost, and what it finds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.nodes import Mapping, Name, Node

__all__ = ["Budget", "Found", "PickleError", "PickleLimit", "Room"]

_CHUNK = 1 << 16
_INNER_CHUNK = 1 << 10
_MOST_STATES = 1_000
_NOTED = ("torch.", "numpy.random.")
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


class Room:
    """What the records of one file, with those of archives inside it, may still cost together.

    Attributes:
        checked: Bytes whose checksums are compared.
        small: Bytes of small records.
        unpacked: Bytes of packed records, unpacked.
        entries: Entries of archives inside it.
        pieces: Archives and pickles inside it.
        short: Whether something was left unread because too little was left.
    """

    def __init__(self, limits: Limits) -> None:
        self.checked = limits.checked_bytes
        self.small = limits.small_bytes
        self.unpacked = limits.unpacked_bytes
        self.entries = limits.records
        self.pieces = limits.pieces
        self.short = False


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
        states: Class of torch, or what makes a generator of NumPy → what the states of all its
            objects have.
        settings: Class of torch → ``name=text`` of what the state of one of its objects has.
    """

    def __init__(self) -> None:
        self.opcodes = bytearray(256)
        self.states: dict[str, set[str]] = {}
        self.settings: dict[str, set[str]] = {}
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
        inner.settings = self.settings
        return inner

    def note_state(self, kind: Name, state: Mapping) -> None:
        """Put down what an object of a class is given."""
        known = self.states.get(kind.dotted)
        if not kind.module.startswith(_NOTED) or (
            known is None and len(self.states) >= _MOST_STATES
        ):
            return
        pairs = (state.pairs or [])[:_MOST_ATTRIBUTES]
        names = {key for key, _ in pairs if type(key) is str and len(key) <= _LONGEST_NAME}
        settings = self.settings.setdefault(kind.dotted, set())
        texts = (pair for pair in pairs if type(pair[0]) is type(pair[1]) is str)
        for key, text in texts:
            if len(key + text) <= _LONGEST_NAME and len(settings) < _MOST_ATTRIBUTES:
                settings.add(f"{key}={text}")
        self.states[kind.dotted] = names if known is None else known & names
