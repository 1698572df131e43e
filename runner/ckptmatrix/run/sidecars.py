"""A sidecar beside every checkpoint of a run: what it was made with, by its producer's own word."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ckptmatrix import __version__
from ckptmatrix.sidecar import (
    Sidecar,
    architecture_of_reading,
    environment_of,
    sidecar_path,
    write_sidecar,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.plan import Plan, Save
    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.run.work import Seen

__all__ = ["write_sidecars"]


def write_sidecars(
    setting: Setting,
    plan: Plan,
    cells: Mapping[str, Usable],
    saved: Seen[Save],
    readings: Mapping[str, Reading],
) -> None:
    """Write what is missing: checkpoints that have a sidecar keep it.

    Several producers may save the same bytes. The sidecar is that of the first in the plan's order,
    whoever was quicker, and has no time in it, so that equal runs leave equal files. A disk that is
    full loses nothing but sidecars, which the next run writes.

    Args:
        setting: Has the store.
        plan: What was to be done.
        cells: Declared id → usable cell.
        saved: What was saved.
        readings: SHA-256 of a checkpoint → its reading, for the listing of its tensors.
    """
    seen: set[tuple[str, str]] = set()
    for save in plan.saves():
        attempts = saved.attempts.get(save)
        checkpoint = attempts[-1].checkpoint if attempts else None
        producer = cells.get(save.producer)
        if checkpoint is None or producer is None:
            continue
        filename = plan.case(save.case).filename
        if (checkpoint.sha256, filename) in seen:
            continue
        seen.add((checkpoint.sha256, filename))
        path = setting.store.find_checkpoint(checkpoint.sha256, filename)
        if path is None or sidecar_path(path).exists():
            continue
        reading = readings.get(checkpoint.sha256)
        sidecar = Sidecar(
            sha256=checkpoint.sha256,
            bytes=checkpoint.bytes,
            by=f"ckptmatrix {__version__}",
            environment=environment_of(producer.facts),
            architecture=None if reading is None else architecture_of_reading(reading),
            cell=producer.cell.id,
            case=save.case,
        )
        with suppress(OSError, ValueError):
            write_sidecar(path, sidecar, durable=False)
