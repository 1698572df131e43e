"""A reading in the making: what is found is put down once, and bounded."""

from __future__ import annotations

from pickletools import opcodes
from typing import TYPE_CHECKING, Literal

from ckptmatrix.archive.machine import Machine
from ckptmatrix.archive.reading import (
    Call,
    Danger,
    Format,
    Global,
    Reading,
    State,
    StorageEntry,
    TensorEntry,
)
from ckptmatrix.archive.tally import Budget, Found, PickleError, PickleLimit, Room
from ckptmatrix.archive.training import TrainingState

if TYPE_CHECKING:
    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.nodes import Node
    from ckptmatrix.archive.source import Source

__all__ = ["Draft"]

_LONGEST_SENTENCE = 500


class Draft:
    """What has been found so far.

    Attributes:
        limits: What may be read.
        found: What its pickles do.
        aside: What pickles do that lie beside them, of which nothing else is put down.
        room: What unpacking and reading small records may still cost.
        format: What it is.
        records: Names of its records, where it has some.
        training: State dicts of optimizers and schedulers in it.
    """

    def __init__(self, size: int, limits: Limits, nested: frozenset[str]) -> None:
        self.limits = limits
        self.size = size
        self.found = Found()
        self.aside = Found()
        self.room = Room(limits)
        self.format = Format.UNKNOWN
        self.note = ""
        self.incomplete = ""
        self.unfollowed = ""
        self.byteorder: Literal["little", "big"] | None = None
        self.version = ""
        self.root = ""
        self.keys: tuple[str, ...] = ()
        self.storages: dict[str, StorageEntry] = {}
        self.storage_count = 0
        self.tensors: list[TensorEntry] = []
        self.tensor_count = 0
        self.tensor_bytes = 0
        self.details: dict[str, str] = {}
        self.records: frozenset[str] = frozenset()
        self.training = TrainingState((), ())
        self._defects: dict[str, None] = {}
        self._dangers: dict[Danger, None] = {}
        self._budget = Budget(limits)
        self._nested = nested

    def defect(self, sentence: str) -> None:
        """Put down something that is wrong."""
        if len(self._defects) < self.limits.sentences:
            self._defects[sentence[:_LONGEST_SENTENCE]] = None

    @property
    def damaged(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._defects)

    def danger(self, what: str, why: str, level: Literal["code", "import", "odd"]) -> None:
        """Put down something unsafe."""
        if len(self._dangers) < self.limits.sentences:
            self._dangers[Danger(what=what[:_LONGEST_SENTENCE], why=why, level=level)] = None

    def stop(self, why: str) -> None:
        """Put down why not everything was read."""
        self.incomplete = self.incomplete or why

    def lose(self, why: str) -> None:
        """Put down why it is not known what a pickle does to its end."""
        self.unfollowed = self.unfollowed or why[:_LONGEST_SENTENCE]

    def note_unchecked(self) -> None:
        """Put down that not all checksums were compared."""
        self.say("checksums", f"of the first {self.limits.checked_bytes:,} bytes only")

    def say(self, name: str, value: str) -> None:
        """Put down a detail of the format."""
        if len(self.details) < self.limits.sentences:
            self.details[name] = value[:_LONGEST_SENTENCE]

    def unpickle(
        self, source: Source, offset: int = 0, *, what: str = ""
    ) -> tuple[Node, int | None]:
        """Follow a pickle; what it does is put down.

        Args:
            source: Where it is.
            offset: Where it begins.
            what: What to call it in a defect.

        Returns:
            What it would make, as far as it goes, and where it ends; None when it does not.
        """
        machine = Machine(source, offset, self._budget, self.found, self._nested)
        try:
            return machine.run(), machine.offset
        except PickleError as error:
            sentence = f"{what}: {error}" if what else str(error)
            self.defect(sentence)
            self.lose(sentence)
        except PickleLimit as error:
            self.stop(str(error))
        if self.found.unread:
            self.stop("it has more checkpoints inside it than are read")
        return machine.rest(), None

    def follow_aside(self, source: Source, offset: int, what: str) -> tuple[Node, int | None]:
        """Follow a pickle beside the main ones: what it does is put down, and nothing else.

        Args:
            source: Where it is.
            offset: Where it begins.
            what: What to call it.

        Returns:
            What it would make and where it ends; None when that cannot be told.
        """
        # In small steps, as checkpoints inside checkpoints: most of these are short.
        budget = self._budget.inner or self._budget
        machine = Machine(source, offset, budget, self.aside, self._nested)
        try:
            return machine.run(), machine.offset
        except PickleError as error:
            self.lose(f"{what}: {error}")
        except PickleLimit as error:
            self.stop(str(error))
        finally:
            self.aside.persistent.clear()
        return None, None

    def reading(self) -> Reading:
        """What there is."""
        found = self.found
        if self.found.unread or self.aside.unread:
            self.stop("it has more checkpoints inside it than are read")
        if self.room.short:
            self.stop("its records unpack to more than is read of them")
        return Reading(
            format=self.format,
            bytes=self.size,
            note=self.note,
            defects=tuple(self._defects),
            incomplete=self.incomplete,
            unfollowed=self.unfollowed,
            protocol=found.protocol,
            opcodes=tuple(sorted(op.name for op in opcodes if found.opcodes[ord(op.code)])),
            byteorder=self.byteorder,
            version=self.version,
            root=self.root,
            keys=self.keys,
            globals=tuple(
                Global(module=module, name=name, count=count)
                for (module, name), count in found.names.items()
            ),
            calls=tuple(
                Call(dotted=dotted, arguments=arguments, shape=shape, count=count)
                for (dotted, arguments, shape), count in found.calls.items()
            ),
            states=tuple(
                State(
                    dotted=dotted,
                    attributes=tuple(sorted(names)),
                    settings=tuple(sorted(found.settings.get(dotted, ()))),
                )
                for dotted, names in found.states.items()
            ),
            groups=self.training.groups,
            schedulers=self.training.schedulers,
            storages=tuple(self.storages.values()),
            tensors=tuple(self.tensors),
            tensor_count=self.tensor_count,
            tensor_bytes=self.tensor_bytes,
            dangers=tuple(self._dangers),
            details=self.details,
        )
