"""What ``torch.save`` or ``pickle`` wrote, as it lies inside another file.

It is followed for what its pickles do; nothing is put down of what is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.legacy import LEGACY_MAGIC, LEGACY_TEXT
from ckptmatrix.archive.nodes import Blob, Made, Name, Node, Persistent
from ckptmatrix.archive.records import Records
from ckptmatrix.archive.zip_directory import LOCAL, read_inner

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.source import Source

__all__ = ["LEGACY_NUMBER", "follow_stream", "main_pickles", "open_inner", "settles"]

#: What the first pickle of the legacy format holds.
LEGACY_NUMBER: Final = 0x1950A86A20F9469CFC6C
#: Magic number, protocol version, system facts, the object and the list of its storages.
_LEGACY_PICKLES: Final = 5
_HEAD: Final = 64


def follow_stream(source: Source, draft: Draft, what: str) -> None:
    """Follow all pickles that loading it would run; put down where that cannot be done.

    Args:
        source: Where it is.
        draft: Where what is found is put down.
        what: What to call it.
    """
    head = source.read(0, _HEAD)
    if head.startswith(LOCAL):
        records = open_inner(source, draft, what)
        if records is not None:
            _follow_zip(records, draft, what)
        return
    if not _take_piece(draft):
        return
    legacy = (head.startswith(b"\x80") and LEGACY_MAGIC in head) or head.startswith(LEGACY_TEXT)
    offset = 0
    for number in range(_LEGACY_PICKLES):
        made, end = draft.follow_aside(source, offset, what)
        if end is None:
            return
        if number == 0 and not legacy and made != LEGACY_NUMBER:
            if end < source.size and not settles(made):
                draft.lose(f"{what}: what follows its first pickle is not read")
            return
        offset = end


def settles(made: Node) -> bool:
    """Whether the object of a first pickle is surely none after which torch reads on."""
    return not isinstance(made, Blob | Made | Name | Persistent)


def _take_piece(draft: Draft) -> bool:
    if draft.room.pieces <= 0:
        draft.stop("it has more checkpoints inside it than are read")
        return False
    draft.room.pieces -= 1
    return True


def open_inner(source: Source, draft: Draft, what: str) -> Records | None:
    """An archive inside a file, or None when it is not read."""
    if not _take_piece(draft):
        return None
    directory = read_inner(source, draft.limits, draft.room)
    if not directory.entries:
        draft.lose(f"{what}: {(*directory.defects, directory.incomplete, 'it is empty')[0]}")
        return None
    if directory.incomplete:
        draft.stop(directory.incomplete)
    records = Records(source, directory, draft.limits, draft.room)
    records.look_for_oddities(draft)
    return records


def main_pickles(records: Records) -> list[str]:
    """Names of records that torch may take for the pickle of an archive."""
    return [
        name
        for name in records.entries
        if name.lower() == "data.pkl" or name.lower().endswith("/data.pkl")
    ]


def _follow_zip(records: Records, draft: Draft, what: str) -> None:
    names = main_pickles(records)
    if not names:
        draft.lose(f"{what}: its record data.pkl is missing")
    for name in names:
        opened = records.open(name, draft.limits.pickle_bytes)
        if isinstance(opened, str):
            draft.lose(f"{what}: {opened}")
        else:
            draft.follow_aside(opened, 0, f"{what}: {name}")
