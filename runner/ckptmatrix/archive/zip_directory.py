"""Which entries a zip archive has, from its directory or, when that is gone, from what lies in it.

The layout is that of PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Room

__all__ = ["LOCAL", "Directory", "Entry", "find_data", "read_directory", "read_inner"]

LOCAL: Final = b"PK\x03\x04"
_CENTRAL: Final = b"PK\x01\x02"
_DESCRIPTOR: Final = b"PK\x07\x08"
_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x06"
_LOCATOR64: Final = b"PK\x06\x07"
_LOCAL_FIELDS: Final = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL_FIELDS: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END_FIELDS: Final = struct.Struct("<4sHHHHLLH")
_END64_FIELDS: Final = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR64_FIELDS: Final = struct.Struct("<4sLQL")
_UINT32: Final = 0xFFFFFFFF
_ZIP64: Final = 1
_LONGEST_COMMENT: Final = 0xFFFF
_DIRECTORY_BYTES: Final = 1 << 26
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        name: As written, decoded as UTF-8 with what is not escaped.
        method: 0 is stored, 8 deflated.
        flags: The general purpose bits.
        crc: Checksum of the unpacked bytes.
        packed: Bytes in the archive.
        size: Bytes unpacked.
        header: Where its local header begins.
        mode: Unix mode, 0 when there is none.
        data: Where its bytes begin, when that is known already.
    """

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    header: int
    mode: int = 0
    data: int | None = None


@dataclass(frozen=True, kw_only=True)
class Directory:
    """The entries of an archive.

    Attributes:
        entries: In the order of the directory.
        defects: What is wrong with the archive, in sentences.
        whole: Whether it has a directory that can be read.
        incomplete: Why not all entries are there, or empty.
    """

    entries: tuple[Entry, ...]
    defects: tuple[str, ...] = ()
    whole: bool = True
    incomplete: str = ""


def read_inner(source: Source, limits: Limits, room: Room) -> Directory:
    """The entries of an archive that lies in a file; without a directory it has none.

    Args:
        source: The archive.
        limits: How many entries are read.
        room: What all archives inside the file may still cost; what this costs is taken off.
    """
    end = _find_end(source)
    if end is None:
        return Directory(entries=(), whole=False, defects=("it is no whole zip archive",))
    count, size, offset, defects = end
    if offset + size > source.size:
        return Directory(entries=(), whole=False, defects=("it is no whole zip archive",))
    if count > room.entries or size > room.small:
        room.short = True
        return Directory(entries=(), whole=False, incomplete="it has more entries than are read")
    room.entries -= count
    room.small -= size
    return _listed(source, limits, (count, size, offset, defects))


def read_directory(source: Source, limits: Limits) -> Directory:
    """The entries of what begins like a zip archive."""
    end = _find_end(source)
    if end is None:
        found = _scan(source, limits)
        why = (
            "the zip archive has no directory at its end: the file is cut off, or was never closed"
        )
        return replace(found, defects=(why, *found.defects))
    count, size, offset, defects = end
    if offset + size > source.size:
        found = _scan(source, limits)
        why = "the zip archive's directory is said to lie beyond the end of the file"
        return replace(found, defects=(*defects, why, *found.defects))
    found = _listed(source, limits, end)
    if count and not found.entries and not found.incomplete:
        scanned = _scan(source, limits)
        return replace(scanned, defects=(*found.defects, *scanned.defects))
    return found


def _listed(source: Source, limits: Limits, end: tuple[int, int, int, list[str]]) -> Directory:
    """The entries that a directory lists."""
    count, size, offset, defects = end
    data = source.read(offset, min(size, _DIRECTORY_BYTES))
    incomplete = ""
    if size > _DIRECTORY_BYTES:
        incomplete = f"the zip archive's directory has {size:,} bytes"
    entries: list[Entry] = []
    position = 0
    while len(entries) < count and position + _CENTRAL_FIELDS.size <= len(data):
        if len(entries) >= limits.records:
            incomplete = f"the zip archive has {count:,} entries"
            break
        entry, length = _central(data, position)
        if entry is None:
            break
        entries.append(entry)
        position += length
    if len(entries) < count and not incomplete:
        defects.append(
            f"the zip archive's directory should have {count:,} entries, and {len(entries):,} "
            "can be read"
        )
    return Directory(entries=tuple(entries), defects=tuple(defects), incomplete=incomplete)


def _find_end(source: Source) -> tuple[int, int, int, list[str]] | None:
    """Entries, size and place of the directory, and what is wrong with what says so."""
    tail_at = max(0, source.size - _END_FIELDS.size - _LONGEST_COMMENT)
    # Most archives have no comment: their end is at the very end.
    for start in (max(tail_at, source.size - 1024), tail_at):
        tail = source.read(start, source.size - start)
        at = tail.rfind(_END)
        while at >= 0:
            if at + _END_FIELDS.size <= len(tail):
                return _end(source, start + at, tail[at : at + _END_FIELDS.size])
            at = tail.rfind(_END, 0, at)
    return None


def _end(source: Source, at: int, data: bytes) -> tuple[int, int, int, list[str]]:
    defects: list[str] = []
    _, _, _, _, count, size, offset, comment = _END_FIELDS.unpack(data)
    after = source.size - at - _END_FIELDS.size - comment
    if after > 0:
        defects.append(f"{after:,} bytes follow the end of the zip archive")
    locator = source.read(at - _LOCATOR64_FIELDS.size, _LOCATOR64_FIELDS.size)
    if len(locator) == _LOCATOR64_FIELDS.size and locator.startswith(_LOCATOR64):
        _, _, place, _ = _LOCATOR64_FIELDS.unpack(locator)
        wide = source.read(place, _END64_FIELDS.size)
        if len(wide) == _END64_FIELDS.size and wide.startswith(_END64):
            *_, count, size, offset = _END64_FIELDS.unpack(wide)
        else:
            defects.append("the zip archive's 64-bit directory is not where it is said to be")
    return count, size, offset, defects


def _central(data: bytes, position: int) -> tuple[Entry | None, int]:
    """An entry of the directory, and how long it is."""
    fields = _CENTRAL_FIELDS.unpack_from(data, position)
    signature, _, _, flags, method, _, _, crc, packed, size = fields[:10]
    name_length, extra_length, comment_length, _, _, external, header = fields[10:]
    if signature != _CENTRAL:
        return None, 0
    start = position + _CENTRAL_FIELDS.size
    name = data[start : start + name_length]
    extra = data[start + name_length : start + name_length + extra_length]
    if _UINT32 in {packed, size, header}:
        size, packed, header = _wide(extra, size, packed, header)
    entry = Entry(
        name=_decoded(name),
        method=method,
        flags=flags,
        crc=crc,
        packed=packed,
        size=size,
        header=header,
        mode=external >> 16,
    )
    return entry, _CENTRAL_FIELDS.size + name_length + extra_length + comment_length


def _wide(extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """Numbers too large for 32 bits, from the extra field that has them."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == _ZIP64:
            numbers = [
                int.from_bytes(extra[at : at + 8], "little")
                for at in range(position + 4, min(position + 4 + length, len(extra)) - 7, 8)
            ]
            numbers.reverse()
            size = numbers.pop() if size == _UINT32 and numbers else size
            packed = numbers.pop() if packed == _UINT32 and numbers else packed
            header = numbers.pop() if header == _UINT32 and numbers else header
            break
        position += 4 + length
    return size, packed, header


def _decoded(name: bytes) -> str:
    return str(name, "utf-8", "backslashreplace")


def find_data(source: Source, entry: Entry) -> int | str:
    """Where the bytes of an entry begin, or what is wrong with it."""
    if entry.data is not None:
        return entry.data
    fixed = source.read(entry.header, _LOCAL_FIELDS.size)
    if len(fixed) < _LOCAL_FIELDS.size or not fixed.startswith(LOCAL):
        return f"record {entry.name} is not where the zip archive's directory says"
    name_length, extra_length = struct.unpack_from("<HH", fixed, _LOCAL_FIELDS.size - 4)
    start: int = entry.header + _LOCAL_FIELDS.size
    if _decoded(source.read(start, name_length)) != entry.name:
        return f"record {entry.name} has another name where it lies than in the directory"
    return start + int(name_length) + int(extra_length)


def _scan(source: Source, limits: Limits) -> Directory:
    """Entries by their local headers, one after the other from the beginning of the file."""
    entries: list[Entry] = []
    position, budget = 0, limits.checked_bytes
    incomplete = ""
    while True:
        if len(entries) >= limits.scanned:
            incomplete = "not all of a zip archive without a directory is searched for its records"
            break
        fixed = source.read(position, _LOCAL_FIELDS.size)
        if len(fixed) < _LOCAL_FIELDS.size or not fixed.startswith(LOCAL):
            break
        _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = (
            _LOCAL_FIELDS.unpack(fixed)
        )
        start = position + _LOCAL_FIELDS.size
        name = source.read(start, name_length)
        data = start + name_length + extra_length
        if data > source.size:
            break
        entry = Entry(
            name=_decoded(name),
            method=method,
            flags=flags,
            crc=crc,
            packed=packed,
            size=size,
            header=position,
            data=data,
        )
        if packed or not flags & 8:
            entries.append(entry)
            position = data + packed
            continue
        # The sizes follow the bytes: torch writes its archives so.
        if budget <= 0:
            incomplete = "not all of a zip archive without a directory is searched for its records"
            break
        ended = _find_descriptor(source, data, min(source.size, data + budget), limits.scanned)
        if ended is None:
            entries.append(replace(entry, packed=source.size - data, size=source.size - data))
            break
        crc, packed, size, position = ended
        budget -= position - data
        entries.append(replace(entry, crc=crc, packed=packed, size=size))
    return Directory(entries=tuple(entries), whole=False, incomplete=incomplete)


def _find_descriptor(
    source: Source, data: int, end: int, most: int
) -> tuple[int, int, int, int] | None:
    """Checksum and sizes that follow an entry's bytes, and where the next entry begins."""
    for at in islice(_occurrences(source, _DESCRIPTOR, data, end), most):
        tail = source.read(at, 24)
        for layout in ("<4sLLL", "<4sLQQ"):
            length = struct.calcsize(layout)
            if len(tail) < length:
                continue
            _, crc, packed, size = struct.unpack_from(layout, tail)
            if packed == at - data:
                return crc, packed, size, at + length
    return None


def _occurrences(source: Source, wanted: bytes, start: int, end: int) -> Iterator[int]:
    position = start
    while position < end:
        chunk = source.read(position, min(_CHUNK, end - position))
        if len(chunk) < len(wanted):
            return
        at = chunk.find(wanted)
        while at >= 0:
            yield position + at
            at = chunk.find(wanted, at + 1)
        position += max(1, len(chunk) - len(wanted) + 1)
