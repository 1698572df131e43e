"""The sidecar of a checkpoint: what it was made with, in a small JSON file beside it.

``model.pt`` has ``model.pt.ckptmatrix.json``. Everything in it is optional but the file's digest,
and nothing of it is trusted: a sidecar that is too large, of a newer format or not what it should
be is reported and left aside.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from ckptmatrix.atomic import write_atomic
from ckptmatrix.errors import UsageError
from ckptmatrix.small_files import read_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.wire import Facts

__all__ = [
    "FORMAT",
    "SUFFIX",
    "Architecture",
    "Environment",
    "Git",
    "Sidecar",
    "SidecarAnswer",
    "architecture",
    "architecture_of_reading",
    "environment_of",
    "mismatch",
    "named",
    "plain_value",
    "read_sidecar",
    "sidecar_path",
    "write_sidecar",
]

FORMAT = 1
SUFFIX = ".ckptmatrix.json"
#: Largest sidecar that is read or written.
MAX_BYTES = 4_000_000
_MOST_TENSORS = 5_000
_DEEPEST = 12
_LONGEST = 1_000
_MOST_ITEMS = 1_000
_MOST_VALUES = 10_000
#: Bytes of the listing of tensors, about: the rest of a sidecar needs room as well.
_LISTING_BYTES = 2_000_000
#: Larger sizes and whole numbers are no longer readable, nor written by Python.
_LARGEST_SIZE = 1 << 63
_MOST_BITS = 3_000

_Short = Annotated[str, StringConstraints(max_length=_LONGEST)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Environment(_Record):
    """What a checkpoint was made with.

    Attributes:
        torch: ``2.6.0+cu124``; None when it was not there.
        cuda: CUDA release torch was built for, or None.
        hip: ROCm release torch was built for, or None.
        python: ``3.12.1``.
        implementation: ``CPython``.
        numpy: Its version, or None.
        platform: The system, as Python words it.
        machine: ``x86_64``.
        packages: ``name==version``, sorted.
    """

    torch: _Short | None = None
    cuda: _Short | None = None
    hip: _Short | None = None
    python: _Short = ""
    implementation: _Short = ""
    numpy: _Short | None = None
    platform: _Short = ""
    machine: _Short = ""
    packages: Annotated[tuple[_Short, ...], Field(max_length=3_000)] = ()


class Git(_Record):
    """State of the repository that the training ran in.

    Attributes:
        commit: Full hash.
        branch: Name, or empty when there is none.
        dirty: Whether something in it was not committed.
    """

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
    branch: _Short = ""
    dirty: bool


class Tensor(_Record):
    """A tensor of the model."""

    name: _Short
    dtype: _Short
    shape: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=64)]


class Architecture(_Record):
    """What the model is made of.

    Attributes:
        model: Class of the model, or empty when the listing is the file's own.
        count: How many tensors there are.
        tensors: The first of them.
    """

    model: _Short = ""
    count: int = Field(ge=0, lt=1 << 53)
    tensors: Annotated[tuple[Tensor, ...], Field(max_length=_MOST_TENSORS)] = ()


class Sidecar(_Record):
    """What stands in the file.

    Attributes:
        format: Version of this form.
        sha256: Digest of the checkpoint, of a folder as :class:`ckptmatrix.wire.Checkpoint` has it.
        bytes: Its size.
        written: When, with its time zone; None in sidecars that must not differ between runs.
        by: ``ckptmatrix 0.1.0``.
        environment: What it was made with.
        git: Of the folder that the training ran in, or None.
        architecture: The model's tensors.
        optimizer: Its class and what it was made with.
        config: Training parameters.
        extra: Whatever else the user gave.
        cell: The cell that saved it, when a run did.
        case: The case it was saved for, when a run did.
    """

    format: Literal[1] = 1
    sha256: _Digest
    bytes: int = Field(ge=0, lt=1 << 63)
    written: datetime | None = None
    by: _Short = ""
    environment: Environment = Environment()
    git: Git | None = None
    architecture: Architecture | None = None
    optimizer: dict[str, JsonValue] | None = None
    config: JsonValue = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    cell: _Short = ""
    case: _Short = ""


@dataclass(frozen=True, kw_only=True)
class SidecarAnswer:
    """What was found beside a checkpoint.

    Attributes:
        path: Where.
        sidecar: What it says; None when there is none, or none that can be read.
        problem: Why one that is there is not believed, in one sentence; empty otherwise.
    """

    path: Path
    sidecar: Sidecar | None = None
    problem: str = ""

    def stale(self, sha256: str) -> bool:
        """Whether the checkpoint is not the one it was written for."""
        return self.sidecar is not None and self.sidecar.sha256 != sha256

    def distrusted(self, *, size: int, sha256: str | None) -> str:
        """Why what it says of a checkpoint is not believed, in one sentence; empty when it is.

        Args:
            size: Bytes of the checkpoint.
            sha256: Its digest; None when it is not known: then the size alone decides.
        """
        if self.sidecar is None:
            return self.problem
        if self.sidecar.bytes != size:
            return "it was written for a file of another size: the checkpoint was replaced since"
        if sha256 is not None and self.stale(sha256):
            return "it was written for another file: the checkpoint was changed since"
        return ""


def named(path: Path) -> Path:
    """The same place by a path that ends in its name, which ``.`` and ``..`` do not.

    Raises:
        UsageError: The place has none: it is the root of all folders.
    """
    found = path.resolve() if path.name in {"", ".."} else path
    if not found.name:
        msg = f"{path} is the root of all folders, which no file can lie beside"
        raise UsageError(msg)
    return found


def sidecar_path(checkpoint: Path) -> Path:
    """Where the sidecar of a checkpoint lies.

    Raises:
        UsageError: Nothing can lie beside it.
    """
    place = named(checkpoint)
    return place.with_name(place.name + SUFFIX)


def read_sidecar(checkpoint: Path) -> SidecarAnswer:
    """Read the sidecar of a checkpoint; never raises for what is in it.

    Raises:
        UsageError: Nothing can lie beside the checkpoint.
    """
    path = sidecar_path(checkpoint)
    try:
        body = read_small(path, MAX_BYTES)
        return SidecarAnswer(path=path, sidecar=Sidecar.model_validate_json(body))
    except FileNotFoundError:
        return SidecarAnswer(path=path)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:100] or "the whole"
        what = f"is no sidecar of format {FORMAT}: {where}: {first['msg'][:200]}"
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    return SidecarAnswer(path=path, problem=f"{path.name} {what}; it is left aside")


def write_sidecar(checkpoint: Path, sidecar: Sidecar, *, durable: bool = True) -> Path:
    """Write the sidecar of a checkpoint, whole or not at all; one that is there is replaced.

    Args:
        checkpoint: The file or folder.
        sidecar: What to write.
        durable: Whether it has to survive a power cut.

    Returns:
        Where it is.

    Raises:
        OSError: It cannot be written.
        UsageError: Nothing can lie beside the checkpoint.
        ValueError: It would be too large.
    """
    path = sidecar_path(checkpoint)
    fields = sidecar.model_dump(mode="json", exclude_defaults=True)
    body = (json.dumps({"format": FORMAT} | fields, indent=1) + "\n").encode()
    if len(body) > MAX_BYTES:
        msg = f"the sidecar would have {len(body):,} bytes, {MAX_BYTES:,} are allowed"
        raise ValueError(msg)
    write_atomic(path, body, durable=durable)
    return path


def environment_of(facts: Facts) -> Environment:
    """What a cell says of itself, as a sidecar has it."""
    return Environment(
        torch=facts.torch,
        cuda=facts.torch_cuda,
        hip=facts.torch_hip,
        python=facts.python,
        implementation=facts.implementation,
        numpy=facts.numpy,
        platform=facts.platform,
        machine=facts.machine,
        packages=tuple(
            sorted(f"{each.name}=={each.version}"[:_LONGEST] for each in facts.packages)
        ),
    )


def architecture_of_reading(reading: Reading) -> Architecture | None:
    """The tensors of a file; None when it names none."""
    if not reading.tensors:
        return None
    listed = ((each.path, each.dtype, each.shape) for each in reading.tensors)
    return architecture("", listed, reading.tensor_count)


def architecture(
    model: str, tensors: Iterable[tuple[str, str, Iterable[int]]], count: int
) -> Architecture:
    """A listing, cut to what a sidecar may hold.

    Args:
        model: Class of the model, or empty.
        tensors: Name, dtype and shape of each.
        count: How many there are in all.
    """
    kept: list[Tensor] = []
    left = _LISTING_BYTES
    for name, dtype, shape in tensors:
        sizes = tuple(shape)[:64]
        if not all(0 <= size < _LARGEST_SIZE for size in sizes):
            continue
        tensor = Tensor(name=_words(name), dtype=_words(dtype), shape=sizes)
        left -= len(json.dumps([tensor.name, tensor.dtype, sizes])) + 100 + 10 * len(sizes)
        if len(kept) == _MOST_TENSORS or left < 0:
            break
        kept.append(tensor)
    return Architecture(model=_words(model), count=count, tensors=tuple(kept))


def _words(text: str) -> str:
    """A text that UTF-8 has a spelling for, cut to what a sidecar may hold."""
    return text[:_LONGEST].encode("utf-8", "backslashreplace").decode()[:_LONGEST]


def plain_value(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Anything as JSON: what JSON has no word for becomes text.

    Of what is too deep, too long or too much, only the beginning is kept: a few lines of YAML can
    stand for more than fits into memory.

    Args:
        value: Training parameters, say.
    """
    return _plain(value, 0, [_MOST_VALUES])


def _plain(value: object, depth: int, left: list[int]) -> Any:  # noqa: ANN401 - any JSON value
    left[0] -= 1
    plain: Any = value
    if isinstance(value, dict) and depth < _DEEPEST:
        items = islice(value.items(), max(0, min(_MOST_ITEMS, left[0])))
        plain = {_text_of(key): _plain(item, depth + 1, left) for key, item in items}
    elif isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        members = islice(value, max(0, min(_MOST_ITEMS, left[0])))
        plain = [_plain(item, depth + 1, left) for item in members]
    elif isinstance(value, dict | list | tuple | set | frozenset):
        plain = f"<{type(value).__name__} of {len(value)}>"
    elif not _is_json(value):
        plain = _text_of(value)
    return plain


def _text_of(value: object) -> str:
    """Anything in its own words; what has none, or is a number of thousands of digits, in ours."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"<int of {value.bit_length():,} bits>"
    try:
        return _words(str(value))
    except Exception:  # noqa: BLE001 - the user's own classes say what they want
        return f"<{type(value).__name__}>"


def _is_json(value: object) -> bool:
    """Whether it is a number, a short text or nothing, as every JSON reader has it."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 1 << 53
    return value is None


def mismatch(sidecar: Sidecar, facts: Facts) -> Mapping[str, tuple[str, str]]:
    """What of the environment it was made with is another in a cell: made with, and there."""
    made = sidecar.environment
    here = environment_of(facts)
    return {
        name: (before, getattr(here, name) or "absent")
        for name in ("torch", "cuda", "python", "numpy", "machine")
        if (before := getattr(made, name)) and before != getattr(here, name)
    }
