"""The records of a zip archive: read, unpacked within bounds, and checked."""

from __future__ import annotations

import stat
import zlib
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from ckptmatrix.archive.source import MemorySource, Part
from ckptmatrix.archive.zip_directory import Directory, Entry, find_data

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tally import Room

__all__ = ["Records"]

_STORED = 0
_DEFLATED = 8
_ENCRYPTED = 1
_CHUNK = 1 << 20
_HUGE_RATIO = 1000
_HUGE_BYTES = 1 << 24


class Records:
    """Records of an archive, by their names below its one top folder.

    Attributes:
        directory: Its entries.
        root: The folder, or empty when there is none, or more than one.
        entries: Name below that folder → entry; of several with one name the last.
    """

    def __init__(self, source: Source, directory: Directory, limits: Limits, room: Room) -> None:
        self._source = source
        self._limits = limits
        self.directory = directory
        self._places: dict[Entry, int | str] = {}
        tops = {entry.name.partition("/")[0] for entry in directory.entries if "/" in entry.name}
        flat = any("/" not in entry.name for entry in directory.entries)
        self.root = tops.pop() if len(tops) == 1 and not flat else ""
        skip = len(self.root) + 1 if self.root else 0
        self.entries = {entry.name[skip:]: entry for entry in directory.entries}
        self._room = room

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def _place(self, entry: Entry) -> int | str:
        """Where the bytes of an entry begin, or what is wrong with it."""
        if entry not in self._places:
            self._places[entry] = find_data(self._source, entry)
        return self._places[entry]

    def open(self, name: str, most: int) -> Source | str:
        """The bytes of a record, or a sentence that says why they cannot be had.

        Args:
            name: Its name below the top folder.
            most: How many bytes are unpacked at most; of a stored record they are read where asked.
        """
        entry = self.entries[name]
        if entry.flags & _ENCRYPTED:
            return f"record {name} is encrypted"
        data = self._place(entry)
        if isinstance(data, str):
            return data
        if entry.method == _STORED:
            part = Part(self._source, data, entry.packed)
            if part.size < entry.packed:
                return (
                    f"record {name} is cut off: {part.size:,} of {entry.packed:,} bytes are there"
                )
            return part
        if entry.method != _DEFLATED:
            return (
                f"record {name} is packed with zip method {entry.method}, which torch cannot read"
            )
        return self._unpacked(name, entry, data, most)

    def _unpacked(self, name: str, entry: Entry, data: int, most: int) -> Source | str:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        room = self._room
        wanted, most = most, min(most, room.unpacked)
        pieces: list[bytes] = []
        have, position, end = 0, data, data + entry.packed
        try:
            while have < most and position < end and not unpacker.eof:
                packed = self._source.read(position, min(_CHUNK, end - position))
                if not packed:
                    return f"record {name} is cut off"
                position += len(packed)
                while packed and have < most:
                    piece = unpacker.decompress(packed, most - have)
                    have += len(piece)
                    room.unpacked -= len(piece)
                    pieces.append(piece)
                    packed = unpacker.unconsumed_tail
        except zlib.error:
            return f"record {name} cannot be unpacked: its bytes are damaged"
        if have == most < wanted:
            room.short = True
        return MemorySource(b"".join(pieces))

    def small(self, name: str) -> bytes | None:
        """All of a small record; None when there is none that can be read."""
        if name not in self.entries:
            return None
        room, wanted = self._room, self._limits.record_bytes
        most = min(wanted, room.small)
        data = self.head(name, most)
        if data is not None:
            room.small -= len(data)
            room.short = room.short or len(data) == most < wanted
        return data

    def head(self, name: str, count: int) -> bytes | None:
        """The first bytes of a record; None when they cannot be had."""
        opened = self.open(name, count)
        return None if isinstance(opened, str) else opened.read(0, count)

    def text(self, name: str) -> str:
        """A record that holds a word: at most 100 characters, without spaces around; or empty."""
        return str((self.small(name) or b"")[:100], "utf-8", "backslashreplace").strip()

    def present(self, name: str) -> int | None:
        """How many bytes of a record are in the file, or None when there is no such record."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        if entry.method != _STORED:
            return entry.size
        data = self._place(entry)
        if isinstance(data, str):
            return None
        return max(0, min(entry.packed, self._source.size - data))

    def check(self, draft: Draft) -> None:
        """Compare the checksums of all records, as far as they are not too much."""
        # torch can be told not to write checksums; its records then say 0.
        wrong, zero = [], 0
        order = sorted(self.entries.items(), key=lambda item: item[1].size)
        for name, entry in order:
            if entry.method == _STORED and entry.size != entry.packed:
                draft.defect(
                    f"record {name} is not packed, and should have {entry.size:,} bytes where "
                    f"{entry.packed:,} lie"
                )
                continue
            if entry.size > self._room.checked:
                draft.note_unchecked()
                break
            self._room.checked -= entry.size
            found = self._checksum(name, entry)
            if isinstance(found, str):
                draft.defect(found)
            elif found != entry.crc:
                zero += entry.crc == 0
                wrong.append(name)
        if wrong and zero == len(wrong):
            draft.say("crc32", "not written")
            return
        for name in wrong:
            draft.defect(f"record {name} is damaged: its bytes do not match their checksum")

    def _checksum(self, name: str, entry: Entry) -> int | str:
        opened = self.open(name, entry.size + 1)
        if isinstance(opened, str):
            return opened
        if opened.size != entry.size:
            return f"record {name} has {opened.size:,} bytes, and should have {entry.size:,}"
        crc = position = 0
        while position < opened.size:
            piece = opened.read(position, _CHUNK)
            if not piece:
                return f"record {name} is cut off"
            crc = zlib.crc32(piece, crc)
            position += len(piece)
        return crc

    def look_for_oddities(self, draft: Draft) -> None:
        """Names and entries that no checkpoint needs."""
        names = Counter(entry.name for entry in self.directory.entries)
        # torch finds a record whatever the case of its letters.
        alike = Counter(name.lower() for name in names)
        for name, count in names.items():
            if count > 1:
                draft.danger(name, f"{count} records of the archive have this name", "odd")
            if alike[name.lower()] > 1:
                draft.danger(name, "another record has this name in other letters' case", "odd")
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or name.startswith(("/", "\\")) or "\0" in name or ":" in parts[0]:
                draft.danger(name, "unpacking the archive would write outside its folder", "odd")
        for entry in self.directory.entries:
            if entry.mode and stat.S_ISLNK(entry.mode):
                draft.danger(entry.name, "a symbolic link", "odd")
            if entry.size > _HUGE_BYTES and entry.size > entry.packed * _HUGE_RATIO:
                draft.danger(
                    entry.name,
                    f"{entry.packed:,} bytes that unpack to {entry.size:,}: a zip bomb",
                    "odd",
                )
        self._overlaps(draft)

    def _overlaps(self, draft: Draft) -> None:
        ordered = sorted(self.directory.entries, key=lambda entry: entry.header)
        for entry, after in pairwise(ordered):
            # What lies between header and bytes, at least the name, is left out of the sum.
            if entry.header + entry.packed > after.header or entry.header == after.header:
                draft.danger(after.name, f"lies in the same bytes as {entry.name}", "odd")
