"""What differences say when they are looked at together, and beside the file. Pure."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.archive.reading import Reading, TensorEntry
    from ckptmatrix.judge.outcome import Difference

__all__ = ["are_swapped", "in_file", "is_byteswapped", "keeps_file_dtype", "shares_storage"]

_NAME = re.compile(r"\['([^']{1,300})'\]|\[(\d{1,20})\]|\.?([\w.]{1,300})")
_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?")
#: Where in a long list the values begin that are shown.
_PLACE = re.compile(r"\Afrom \[\d{1,9}\]: ")
#: As many numbers of a leaf are compared.
_COMPARED = 4


def are_swapped(differences: Sequence[Difference]) -> bool:
    """Whether some leaf came out with what another one, and not it, was saved with."""
    saved = {each.before: each.path for each in differences if each.what is Reason.VALUES_DIFFER}
    loaded = ((each.after.partition("; largest")[0], each.path) for each in differences)
    return any(saved.get(value, path) != path for value, path in loaded)


def in_file(difference: Difference, reading: Reading) -> TensorEntry | None:
    """The file's tensor of that name, whatever it is nested in on either side."""
    name = _dotted(difference.path)
    for tensor in reading.tensors:
        there = _dotted(tensor.path)
        if (
            name
            and there
            and (f".{there}".endswith(f".{name}") or f".{name}".endswith(f".{there}"))
        ):
            return tensor
    return None


def keeps_file_dtype(difference: Difference, reading: Reading) -> bool:
    """Whether the file has it in the dtype that it was saved with, so that loading changed it."""
    tensor = in_file(difference, reading)
    return tensor is not None and bool(tensor.dtype) and tensor.dtype in difference.before.split()


def shares_storage(difference: Difference, reading: Reading) -> bool:
    """Whether the file has it in the same memory as a tensor of another dtype."""
    tensor = in_file(difference, reading)
    return tensor is not None and any(
        other.storage == tensor.storage != "" and other.dtype != tensor.dtype
        for other in reading.tensors
    )


def is_byteswapped(difference: Difference) -> bool:
    """Whether its first values are those that were saved with their bytes in reverse."""
    before, after = (
        [float(text) for text in _NUMBER.findall(_PLACE.sub("", side))[:_COMPARED]]
        for side in (difference.before, difference.after.partition("; largest")[0])
    )
    return (
        any(
            len(before) == len(after) > 0
            and all(_reversed(one, kind) == other for one, other in zip(before, after, strict=True))
            for kind in ("f", "d")
        )
        and before != after
    )


def _reversed(value: float, kind: str) -> float:
    try:
        swapped: float = struct.unpack(f"<{kind}", struct.pack(f">{kind}", value))[0]
    except OverflowError:
        return value
    return swapped


def _dotted(path: str) -> str:
    """``model.0.weight`` for ``['model']['0.weight']`` and for ``.model.0.weight``."""
    return ".".join(
        (quoted or number or plain).strip(".")
        for quoted, number, plain in _NAME.findall(path[:500])
    )
