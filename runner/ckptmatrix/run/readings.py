"""Every checkpoint of a run, read once without executing it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from ckptmatrix import archive
from ckptmatrix.archive.limits import Limits
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.plan import Plan, Save
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.store import Store

__all__ = ["read_all"]

_MIB = 1 << 20
#: A run reads hundreds of files: of the longest, their beginning has to do.
_LIMITS: Final = Limits(
    pickle_bytes=16 * _MIB,
    opcodes=200_000,
    checked_bytes=16 * _MIB,
    tensors=1_000,
    storages=1_000,
)


def read_all(
    store: Store, plan: Plan, saved: Seen[Save], *, say: Callable[[str], None] = lambda _: None
) -> dict[str, Reading]:
    """SHA-256 of a checkpoint → its reading, for every checkpoint that was saved and is there.

    A reading is kept in the store, under the checkpoint and the code that read it. Whatever a file
    does to its reader, the run goes on without that reading.

    Args:
        store: Where the checkpoints are, and the readings of earlier runs.
        plan: What was done.
        saved: Answers to the saves.
        say: Told of a checkpoint that could not be read.

    Raises:
        StoreError: The store cannot be read or written.
    """
    wanted: dict[str, tuple[Save, Path]] = {}
    for save, attempts in saved.attempts.items():
        checkpoint = attempts[-1].checkpoint
        if checkpoint is None or checkpoint.sha256 in wanted:
            continue
        path = store.find_checkpoint(checkpoint.sha256, plan.case(save.case).filename)
        if path is not None:
            wanted[checkpoint.sha256] = save, path
    known = store.get_readings(map(_key, wanted))
    readings: dict[str, Reading] = {}
    for sha256, (save, path) in wanted.items():
        key = _key(sha256)
        if key in known:
            readings[sha256] = known[key]
            continue
        try:
            readings[sha256] = read_checkpoint(path, _LIMITS)
        except Exception as error:  # noqa: BLE001 - what a cell wrote must not end a run
            say(
                f"{save.producer}, {save.case}: the checkpoint was not read, so there is no "
                f"prediction: {type(error).__name__}: {plain(str(error))}"
            )
        else:
            store.put_reading(key, readings[sha256])
    return readings


def _key(sha256: str) -> str:
    return f"{sha256}-{_reader()}"


@cache
def _reader() -> str:
    """Digest of the code and the tables that read checkpoints, and of how much they read."""
    digest = hashlib.sha256(repr(_LIMITS).encode())
    for entry in sorted(files(archive).iterdir(), key=lambda each: each.name):
        if entry.name.endswith((".py", ".yaml")):
            digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.hexdigest()
