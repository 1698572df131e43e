"""Every checkpoint of a run, read once without executing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.limits import Limits
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.plan import Plan, Save
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.store import Store

__all__ = ["read_all"]

_MIB = 1 << 20
#: A run reads hundreds of files, and again when nothing is left to measure: the beginning of the
#: longest has to do. Most are read in a millisecond, so that nothing needs to be kept.
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

    Whatever a file does to its reader, the run goes on without that reading.

    Args:
        store: Where the checkpoints are.
        plan: What was done.
        saved: Answers to the saves.
        say: Told of a checkpoint that could not be read.
    """
    readings: dict[str, Reading] = {}
    for save, attempts in saved.attempts.items():
        checkpoint = attempts[-1].checkpoint
        if checkpoint is None or checkpoint.sha256 in readings:
            continue
        path = store.find_checkpoint(checkpoint.sha256, plan.case(save.case).filename)
        if path is None:
            continue
        try:
            readings[checkpoint.sha256] = read_checkpoint(path, _LIMITS)
        except Exception as error:  # noqa: BLE001 - what a cell wrote must not end a run
            say(
                f"{save.producer}, {save.case}: the checkpoint was not read, so there is no "
                f"prediction: {type(error).__name__}: {plain(str(error))}"
            )
    return readings
