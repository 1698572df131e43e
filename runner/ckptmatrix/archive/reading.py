"""What a checkpoint file says of itself, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

__all__ = [
    "UNNAMED",
    "Call",
    "Danger",
    "Format",
    "Global",
    "ParameterGroup",
    "Reading",
    "Requirement",
    "State",
    "StorageEntry",
    "TensorEntry",
]

#: As which a reading has a call of something that has no name, as ``getattr(…)(…)`` makes it.
UNNAMED = "?"


class Format(StrEnum):
    """What kind of file or folder it is."""

    ZIP = "zip"  # torch.save since 1.6
    LEGACY = "legacy"  # torch.save before 1.6, and _use_new_zipfile_serialization=False
    TAR = "tar"  # torch.save before 0.1.10
    TORCHSCRIPT = "torchscript"
    EXPORT = "export"  # torch.export.save: .pt2
    PACKAGE = "package"  # torch.package
    SAFETENSORS = "safetensors"
    DCP = "dcp"  # a folder of torch.distributed.checkpoint
    PICKLE = "pickle"  # a pickle that torch.save did not write
    HTML = "html"
    LFS_POINTER = "lfs_pointer"
    EMPTY = "empty"
    OTHER = "other"  # recognised, and no checkpoint: gzip, HDF5, GGUF, NumPy ...
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Global:
    """A name that unpickling looks up.

    Attributes:
        module: ``collections``, as the file writes it.
        name: ``OrderedDict``.
        count: How often.
    """

    module: str
    name: str
    count: int = 1

    @property
    def dotted(self) -> str:
        """``collections.OrderedDict``."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that unpickling makes.

    Attributes:
        dotted: What is called, or ``UNNAMED``.
        arguments: How many arguments, -1 when that cannot be told.
        shape: Of the arguments, what a reader in another version may trip over: lengths of tuples
            among them, and -1 for None, ``(3, -1)``; empty otherwise.
        count: How often.
    """

    dotted: str
    arguments: int
    shape: tuple[int, ...] = ()
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class State:
    """What objects of a class are given when they are made.

    Attributes:
        dotted: The class: ``torch.nn.modules.activation.GELU``.
        attributes: Names that the state of every one of them has, sorted.
        settings: ``padding_mode=circular``: short texts that the state of one of them has, sorted.
    """

    dotted: str
    attributes: tuple[str, ...]
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Options of parameters in the state dict of an optimizer.

    Attributes:
        options: Their names, ``lr`` and ``betas``, at most 50.
        on: Those that are ``True``.
    """

    options: tuple[str, ...]
    on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StorageEntry:
    """Bytes of tensors.

    Attributes:
        key: Its name in the file.
        dtype: ``torch.float32``; ``bytes`` for an untyped one.
        device: ``cpu``, ``cuda:0``, as the file says.
        bytes: How many the pickle says.
        present: How many are in the file, or None when they are missing.
    """

    key: str
    dtype: str
    device: str
    bytes: int
    present: int | None


@dataclass(frozen=True, kw_only=True)
class TensorEntry:
    """A tensor, as far as the file tells without being executed.

    Attributes:
        path: Where it is in the object: ``['model']['weight']``; empty when that cannot be told.
        dtype: ``torch.float32``.
        shape: Its sizes.
        device: ``cpu``, ``cuda:0``.
        storage: Key of its storage, or empty.
        rebuild: Name of the function that makes it: ``_rebuild_tensor_v2``; empty for formats
            without.
        requires_grad: Whether it does, when the file says.
        layout: ``torch.sparse_coo``; empty for strided ones.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    device: str = "cpu"
    storage: str = ""
    rebuild: str = ""
    requires_grad: bool | None = None
    layout: str = ""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What an environment must be to load it as its author meant.

    Attributes:
        of: Whose version.
        at_least: Smallest version that can, or empty.
        below: First version that cannot any more, or empty.
        evidence: What in the file says so, in one sentence.
        reference: Public source of the fact.
    """

    of: Literal["torch", "numpy", "python"]
    at_least: str = ""
    below: str = ""
    evidence: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Danger:
    """Something in it that can do more than hold data.

    Attributes:
        what: A global, an opcode, a file name in it.
        why: One sentence.
        level: ``code``: loading it runs what it says; ``import``: loading imports a module that is
            not torch's or Python's; ``odd``: nothing a checkpoint needs.
    """

    what: str
    why: str
    level: Literal["code", "import", "odd"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A file or folder, read without executing it.

    Attributes:
        format: What it is.
        bytes: Size, of all its files.
        note: What it is in words where ``format`` does not say enough: ``a gzip archive``.
        defects: What is wrong with it, one sentence each: cut off, checksum, a record that lies.
        incomplete: Why reading stopped early (a limit was met), or empty.
        unfollowed: Why it is not known what a pickle in it does to its end (it is damaged, or of a
            kind that is not known), or empty.
        protocol: Highest pickle protocol it uses.
        opcodes: Opcodes its pickles use, as :mod:`pickletools` names them, sorted: some readers
            know only a few.
        byteorder: Of its tensors, when it says.
        version: The format's own version number, when it has one.
        written_by: What it tells about what wrote it, one clue each: ``torch 2.1 or newer: it has a
            byteorder record``.
        root: Class of the object in it: ``collections.OrderedDict``, or empty.
        keys: Its keys when it is a dict, at most 1,000.
        globals: Names that unpickling looks up, in the order of first use.
        calls: Calls it makes.
        states: What objects of torch's classes, and of NumPy's generators, are given; of those
            whose state is a dict.
        groups: Groups of parameters of optimizers whose state dicts are near the top of the object,
            at most 50; those with the same options once.
        schedulers: Keys of states of learning-rate schedulers there; likewise.
        storages: At most 10,000.
        tensors: At most 10,000, in order.
        tensor_count: How many there are in all.
        tensor_bytes: Bytes of all storages.
        requirements: Versions it needs.
        dangers: What in it can do more than hold data.
        details: What else the format says of itself, by name: ``schema version`` of a ``.pt2``,
            ``metadata`` of safetensors.
    """

    format: Format
    bytes: int
    note: str = ""
    defects: tuple[str, ...] = ()
    incomplete: str = ""
    unfollowed: str = ""
    protocol: int | None = None
    opcodes: tuple[str, ...] = ()
    byteorder: Literal["little", "big"] | None = None
    version: str = ""
    written_by: tuple[str, ...] = ()
    root: str = ""
    keys: tuple[str, ...] = ()
    globals: tuple[Global, ...] = ()
    calls: tuple[Call, ...] = ()
    states: tuple[State, ...] = ()
    groups: tuple[ParameterGroup, ...] = ()
    schedulers: tuple[tuple[str, ...], ...] = ()
    storages: tuple[StorageEntry, ...] = ()
    tensors: tuple[TensorEntry, ...] = ()
    tensor_count: int = 0
    tensor_bytes: int = 0
    requirements: tuple[Requirement, ...] = ()
    dangers: tuple[Danger, ...] = ()
    details: dict[str, str] = field(default_factory=dict)
