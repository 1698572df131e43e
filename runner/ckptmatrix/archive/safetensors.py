"""Safetensors files: eight bytes of length, a JSON header, tensors.

The format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ckptmatrix.archive.reading import Format, StorageEntry, TensorEntry

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.source import Source

__all__ = ["is_safetensors", "read_safetensors"]

_LENGTH: Final = 8
#: What the format's own reader accepts.
_LONGEST_HEADER: Final = 100_000_000
_DTYPES: Final = {
    "F64": ("torch.float64", 64),
    "F32": ("torch.float32", 32),
    "F16": ("torch.float16", 16),
    "BF16": ("torch.bfloat16", 16),
    "I64": ("torch.int64", 64),
    "I32": ("torch.int32", 32),
    "I16": ("torch.int16", 16),
    "I8": ("torch.int8", 8),
    "U64": ("torch.uint64", 64),
    "U32": ("torch.uint32", 32),
    "U16": ("torch.uint16", 16),
    "U8": ("torch.uint8", 8),
    "BOOL": ("torch.bool", 8),
    "C64": ("torch.complex64", 64),
    "F8_E4M3": ("torch.float8_e4m3fn", 8),
    "F8_E5M2": ("torch.float8_e5m2", 8),
    "F8_E4M3FNUZ": ("torch.float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("torch.float8_e5m2fnuz", 8),
    "F8_E8M0": ("torch.float8_e8m0fnu", 8),
    "F4": ("torch.float4_e2m1fn_x2", 4),
}


def is_safetensors(head: bytes) -> bool:
    """Whether a file begins with the length of a header and its first brace."""
    length = int.from_bytes(head[:_LENGTH], "little")
    return head[_LENGTH : _LENGTH + 1] == b"{" and 1 < length <= _LONGEST_HEADER


class _Repeated(Exception):  # noqa: N818 - caught where it is raised
    """A name that occurs twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Repeated(name)
            seen.add(name)
    return made


def read_safetensors(source: Source, draft: Draft) -> None:
    """Read the header and compare it with the file."""
    draft.format = Format.SAFETENSORS
    draft.byteorder = "little"
    draft.root = "dict"
    length = int.from_bytes(source.read(0, _LENGTH), "little")
    start = _LENGTH + length
    if start > source.size:
        draft.defect(
            f"it is cut off: its header has {length:,} bytes, {source.size - _LENGTH:,} follow"
        )
        return
    if length > draft.limits.header_bytes:
        draft.stop(f"its header has {length:,} bytes")
        return
    try:
        header = json.loads(source.read(_LENGTH, length), object_pairs_hook=_once)
    except _Repeated as error:
        draft.defect(f"its header has {str(error)[:100]!a} twice")
        return
    except (ValueError, RecursionError):
        draft.defect("its header is no JSON")
        return
    if not isinstance(header, dict):
        draft.defect("its header is no JSON object")
        return
    metadata = header.pop("__metadata__", None)
    if isinstance(metadata, dict):
        for name, value in list(metadata.items())[:20]:
            draft.say(f"metadata {name[:50]}", str(value)[:200])
    draft.keys = tuple(name[:200] for name in list(header)[: draft.limits.keys])
    spans = sorted(
        span
        for name, fields in header.items()
        if (span := _tensor(name, fields, start, source.size, draft)) is not None
    )
    _check_spans(spans, source.size - start, draft)


def _tensor(
    name: str, fields: object, start: int, size: int, draft: Draft
) -> tuple[int, int, str] | None:
    """Put down a tensor; where its bytes begin and end."""
    match fields:
        case {
            "dtype": str() as kind,
            "shape": [*shape],
            "data_offsets": [int() as begin, int() as end],
        } if all(type(each) is int and each >= 0 for each in shape):
            pass
        case _:
            draft.defect(f"its header's entry {name[:100]!a} is not one of a tensor")
            return None
    dtype, bits = _DTYPES.get(kind, (kind[:20], 0))
    elements = 1
    for each in shape[:64]:
        elements *= each
    there = max(0, min(end, size - start) - begin) if begin >= 0 else 0
    if begin < 0 or end < begin or (bits and (end - begin) * 8 != elements * bits):
        draft.defect(
            f"tensor {name[:100]!a} says it has {end - begin:,} bytes, which is not its size"
        )
    elif there < end - begin:
        draft.defect(
            f"it is cut off: tensor {name[:100]!a} should have {end - begin:,} bytes, "
            f"and the file has {there:,}"
        )
    draft.tensor_count += 1
    draft.tensor_bytes += max(0, end - begin)
    if len(draft.tensors) < draft.limits.tensors:
        draft.tensors.append(
            TensorEntry(
                path=f"[{name[:200]!a}]", dtype=dtype, shape=tuple(shape), storage=name[:200]
            )
        )
    if len(draft.storages) < draft.limits.storages:
        draft.storages[name] = StorageEntry(
            key=name[:200], dtype=dtype, device="cpu", bytes=max(0, end - begin), present=there
        )
    return begin, end, name


def _check_spans(spans: list[tuple[int, int, str]], size: int, draft: Draft) -> None:
    """The format wants the tensors one after the other, without holes."""
    position = 0
    for begin, end, name in spans:
        if begin < position:
            draft.defect(f"tensor {name[:100]!a} overlaps the one before it")
        elif begin > position:
            draft.defect(f"there is a hole before tensor {name[:100]!a}")
        position = max(position, end)
    if position < size:
        draft.defect(f"{size - position:,} bytes follow the last tensor")
