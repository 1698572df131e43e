"""Files of ``torch.save`` before 1.6, and with ``_use_new_zipfile_serialization=False``.

Five pickles one after the other, then the storages: ``_legacy_save`` in ``torch/serialization.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.nodes import Mapping
from ckptmatrix.archive.objects import describe_object, describe_storages
from ckptmatrix.archive.reading import Format
from ckptmatrix.archive.tensors import storage_of

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tensors import Storage

__all__ = ["LEGACY_MAGIC", "LEGACY_TEXT", "read_legacy"]

#: What the first pickle holds, as ``LONG1`` writes it.
LEGACY_MAGIC: Final = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
#: The same in pickle protocols 0 and 1.
LEGACY_TEXT: Final = b"L119547037146038801333356L\n."
_PROTOCOL: Final = 1001
_COUNT: Final = 8


def read_legacy(source: Source, draft: Draft) -> None:
    """Read what begins with the magic number."""
    draft.format = Format.LEGACY
    offset = 0
    parts = []
    for what in ("magic number", "protocol version", "system facts"):
        part, end = draft.unpickle(source, offset, what=what)
        if end is None:
            return
        offset = end
        parts.append(part)
    _, protocol, facts = parts
    draft.version = str(protocol) if isinstance(protocol, int) else ""
    if protocol != _PROTOCOL:
        draft.defect(f"its protocol version is not {_PROTOCOL}, the only one there has been")
    if isinstance(facts, Mapping):
        for key, value in facts.pairs or ():
            if key == "little_endian" and isinstance(value, bool):
                draft.byteorder = "little" if value else "big"
    root, end = draft.unpickle(source, offset, what="object")
    describe_object(draft, root)
    present: dict[str, int] = {}
    if end is not None:
        keys, end = draft.unpickle(source, end, what="list of storages")
        if end is not None and isinstance(keys, list):
            present = _storages(source, draft, end, keys)
    if end is not None or not draft.incomplete:
        describe_storages(draft, lambda storage: present.get(storage.key))


def _storages(source: Source, draft: Draft, offset: int, keys: list[object]) -> dict[str, int]:
    """Key → bytes that are there. The storages have no index: each says how long it is."""
    known: dict[str, Storage] = {}
    for node in draft.found.persistent:
        storage = storage_of(node)
        if storage is not None:
            known.setdefault(storage.key, storage)
    order = "big" if draft.byteorder == "big" else "little"
    present: dict[str, int] = {}
    for key in keys:
        storage = known.get(str(key)) if isinstance(key, str | int) else None
        if storage is None or not storage.width:
            return present
        head = source.read(offset, _COUNT)
        if len(head) < _COUNT:
            return present
        elements = int.from_bytes(head, "little" if order == "little" else "big", signed=True)
        if elements != storage.elements:
            draft.defect(
                f"storage {storage.key} is said to have {storage.elements:,} elements by the "
                f"pickle, and {elements:,} where it lies"
            )
        offset += _COUNT
        size = max(0, elements) * storage.width
        present[storage.key] = max(0, min(size, source.size - offset))
        offset += size
    if offset < source.size:
        draft.say("bytes after its end", f"{source.size - offset:,}")
    return present
