"""Every checkpoint of a run, read once without executing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.read import read_checkpoint

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.plan import Plan, Save
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.store import Store

__all__ = ["read_all"]


def read_all(store: Store, plan: Plan, saved: Seen[Save]) -> dict[str, Reading]:
    """SHA-256 of a checkpoint → its reading, for every checkpoint that was saved and is there."""
    readings: dict[str, Reading] = {}
    for save, attempts in saved.attempts.items():
        checkpoint = attempts[-1].checkpoint
        if checkpoint is None or checkpoint.sha256 in readings:
            continue
        path = store.find_checkpoint(checkpoint.sha256, plan.case(save.case).filename)
        if path is not None:
            readings[checkpoint.sha256] = read_checkpoint(path)
    return readings
