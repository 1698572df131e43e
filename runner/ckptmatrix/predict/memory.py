"""Whether there is room for what a load must hold at once, and what it maps is in the file.

The limit is one of address space. A file that is mapped is so as a whole, before anything in its
pickle is looked at. Otherwise room for a storage is taken when the pickle refers to it: a zip
archive reads it then, and the legacy format, which has the bytes after the pickle, makes it as
large as it will be.
source: torch/serialization.py of 1.4 to 2.13 (load, _load, _legacy_load)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.reading import Format
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.words import Mode, OpenedAs, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.archive.reading import Reading, StorageEntry
    from ckptmatrix.predict.loading import Loading

__all__ = ["first_too_large", "too_large", "unmappable"]

_NOWHERE = "meta"


def unmappable(reading: Reading, loading: Loading) -> Prediction | None:
    """Why a file cannot be mapped, which is done as soon as it is known for a checkpoint.

    Args:
        reading: The file.
        loading: How it is loaded; in a release that has the mode.
    """
    if loading.mode is not Mode.MMAP or reading.format is not Format.ZIP:
        return None
    if loading.opened_as is not OpenedAs.PATH:
        return Prediction(
            reason=Reason.FORMAT_UNSUPPORTED,
            why=f"mmap=True needs a path, and is given a {loading.opened_as}",
        )
    return _over(reading.bytes, loading, "the file")


def first_too_large(reading: Reading, loading: Loading) -> Prediction | None:
    """Why there is no room for the storage that is asked for first.

    Args:
        reading: The file.
        loading: How it is loaded.
    """
    if not reading.storages:
        return None
    if loading.mode is Mode.MMAP:
        return _past_the_end(reading, reading.storages[:1])
    first = reading.storages[0]
    return None if first.device == _NOWHERE else _over(first.bytes, loading, "its first storage")


def too_large(reading: Reading, loading: Loading) -> Prediction | None:
    """Why there is no room for all storages together, and the file's bytes where they are kept too.

    Args:
        reading: The file.
        loading: How it is loaded.
    """
    if loading.mode is Mode.MMAP:
        return _past_the_end(reading, reading.storages)
    nowhere = sum(each.bytes for each in reading.storages if each.device == _NOWHERE)
    held = reading.tensor_bytes - nowhere
    kept = reading.bytes if loading.opened_as is OpenedAs.BUFFER else 0
    return _over(held + kept, loading, "what it holds")


def _past_the_end(reading: Reading, storages: Sequence[StorageEntry]) -> Prediction | None:
    """Why a storage cannot lie in a file that is mapped: its record is packed, as others do it."""
    for each in storages:
        if each.bytes > reading.bytes and each.device != _NOWHERE and not reading.defects:
            return Prediction(
                reason=Reason.FILE_CORRUPT,
                why=f"with mmap=True a storage of {each.bytes:,} bytes is looked for in a file of "
                f"{reading.bytes:,}: its record is packed",
            )
    return None


def _over(size: int, loading: Loading, what: str) -> Prediction | None:
    room = loading.memory_bytes
    if room is None or size <= room or loading.device != "cpu":
        return None
    return Prediction(
        reason=Reason.OUT_OF_MEMORY,
        why=f"{what} takes {size:,} bytes, and there is room for {room:,}",
    )
