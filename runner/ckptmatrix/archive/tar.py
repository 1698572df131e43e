"""Tar archives of ``torch.save`` before 0.1.10: ``legacy_load`` in ``torch/serialization.py``.

They have four files: facts about the system, the storages, the tensors that use them, and the
pickle of the object, which refers to tensors by their number.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.dtypes import STORAGE_DTYPES, width_of
from ckptmatrix.archive.nodes import Mapping, Name
from ckptmatrix.archive.objects import describe_object
from ckptmatrix.archive.reading import Format, StorageEntry, TensorEntry
from ckptmatrix.archive.source import Part

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.source import Source

__all__ = ["has_tar_header", "is_tar", "read_tar"]

_BLOCK: Final = 512
_MAGIC_AT: Final = 257
_MAGIC: Final = b"ustar"
_SUM: Final = slice(148, 156)
#: Kinds of members that are files.
_REGULAR: Final = (b"0", b"\0")
_FILES: Final = ("sys_info", "storages", "tensors", "pickle")
_MOST_DIMENSIONS: Final = 64


def is_tar(head: bytes) -> bool:
    """Whether the first block of a file is that of such an archive."""
    name = head[:100].rstrip(b"\0").rpartition(b"/")[2]
    return head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC and name in {
        each.encode() for each in _FILES
    }


def has_tar_header(head: bytes) -> bool:
    """Whether the first block of a file is one of a tar archive, by its checksum."""
    if len(head) < _BLOCK:
        return False
    try:
        said = int(head[_SUM].strip(b"\0 ") or b"0", 8)
    except ValueError:
        return False
    rest = sum(head[:_BLOCK]) - sum(head[_SUM])
    # Some programs add up the bytes as signed ones.
    summed = head[: _SUM.start] + head[_SUM.stop : _BLOCK]
    signed = sum(byte - ((byte & 0x80) << 1) for byte in summed)
    blanks = 8 * ord(" ")
    return said in {rest + blanks, signed + blanks}


def _members(source: Source, draft: Draft) -> dict[str, Part]:
    members: dict[str, Part] = {}
    position = 0
    while len(members) < len(_FILES):
        head = source.read(position, _BLOCK)
        if len(head) < _BLOCK or not head.strip(b"\0"):
            break
        name = str(head[:100].rstrip(b"\0"), "utf-8", "backslashreplace").rpartition("/")[2]
        try:
            size = int(head[124:136].strip(b"\0 ") or b"0", 8)
        except ValueError:
            draft.defect(f"the tar archive is damaged at byte {position}")
            draft.lose(f"the tar archive is damaged at byte {position}")
            break
        if head[156:157] not in _REGULAR or name in members:
            draft.lose(f"the tar archive has an unusual member at byte {position}")
        part = Part(source, position + _BLOCK, size)
        if part.size < size:
            draft.defect(f"file {name[:100]} is cut off: {part.size:,} of {size:,} bytes are there")
        members[name] = part
        position += _BLOCK + (size + _BLOCK - 1) // _BLOCK * _BLOCK
    if source.read(position, _BLOCK).strip(b"\0"):
        draft.lose(f"the tar archive goes on at byte {position}")
    return members


def read_tar(source: Source, draft: Draft) -> None:
    """Read such an archive."""
    draft.format = Format.TAR
    members = _members(source, draft)
    for name in _FILES:
        if name not in members:
            draft.defect(f"its file {name} is missing")
    if "sys_info" in members:
        facts, _ = draft.unpickle(members["sys_info"], what="sys_info")
        for key, value in (facts.pairs or ()) if isinstance(facts, Mapping) else ():
            if key == "little_endian" and isinstance(value, bool):
                draft.byteorder = "little" if value else "big"
    if "storages" in members:
        _read_storages(members["storages"], draft)
    tensors = _read_tensors(members["tensors"], draft) if "tensors" in members else {}
    if "pickle" in members:
        root, _ = draft.unpickle(members["pickle"], what="pickle")
        describe_object(draft, root, known=tensors)


def _numbers(source: Source, offset: int, count: int, draft: Draft) -> tuple[int, ...]:
    order = ">" if draft.byteorder == "big" else "<"
    data = source.read(offset, 8 * count)
    if len(data) < 8 * count:
        return ()
    return struct.unpack(f"{order}{count}q", data)


def _entries(source: Source, draft: Draft, what: str) -> tuple[int, int]:
    """How many entries follow, and where."""
    count, offset = draft.unpickle(source, what=what)
    if offset is None or not isinstance(count, int):
        return 0, 0
    if count > draft.limits.tensors:
        draft.stop(f"it has {count:,} {what}")
    return min(count, draft.limits.records), offset


def _read_storages(source: Source, draft: Draft) -> None:
    left, offset = _entries(source, draft, "storages")
    while left > 0:
        left -= 1
        facts, end = draft.unpickle(source, offset, what="storages")
        match facts:
            case (int() | str() as key, str() as device, Name() as kind) if end is not None:
                pass
            case _:
                draft.lose("storages: what follows an unknown one is not read")
                return
        dtype = STORAGE_DTYPES.get(kind.name, kind.dotted)
        elements = _numbers(source, end, 1, draft)
        size = max(0, elements[0] if elements else 0) * (width_of(dtype) or 0)
        offset = end + 8 + size
        there = max(0, min(size, source.size - end - 8))
        if there < size:
            draft.defect(f"storage {key} should have {size:,} bytes, and the file has {there:,}")
        draft.tensor_bytes += size
        if len(draft.storages) < draft.limits.storages:
            draft.storages[str(key)] = StorageEntry(
                key=str(key)[:100], dtype=dtype, device=device, bytes=size, present=there
            )


def _read_tensors(source: Source, draft: Draft) -> dict[str, TensorEntry]:
    """Number of a tensor → the tensor."""
    tensors: dict[str, TensorEntry] = {}
    left, offset = _entries(source, draft, "tensors")
    left = min(left, draft.limits.tensors)
    while left > 0:
        left -= 1
        facts, end = draft.unpickle(source, offset, what="tensors")
        match facts:
            case (int() | str() as key, int() | str() as storage, Name() as kind) if (
                end is not None
            ):
                pass
            case _:
                draft.lose("tensors: what follows an unknown one is not read")
                return tensors
        # The number of dimensions has four bytes, and four more of padding.
        dimensions = int.from_bytes(source.read(end, 4), "little")
        if dimensions > _MOST_DIMENSIONS:
            draft.defect(f"tensor {key} has {dimensions:,} dimensions")
            draft.lose(f"tensor {key} has {dimensions:,} dimensions")
            return tensors
        numbers = _numbers(source, end + 8, 2 * dimensions + 1, draft)
        dtype = STORAGE_DTYPES.get(kind.name.replace("Tensor", "Storage"), kind.dotted)
        tensors[str(key)] = TensorEntry(
            path="", dtype=dtype, shape=numbers[:dimensions], storage=str(storage)[:100]
        )
        offset = end + 8 + 8 * (2 * dimensions + 1)
    return tensors
