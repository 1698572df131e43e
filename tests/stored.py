"""Where a run's store keeps a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.sidecar import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["stored"]


def stored(reports: Path, sha256: str) -> Path | None:
    """The file or folder, beside which its sidecar lies; None when the store has none.

    Args:
        reports: The folder of runs.
        sha256: The checkpoint's digest.
    """
    folder = reports / ".store" / "checkpoints" / sha256[:2] / sha256
    found = [each for each in folder.glob("*") if not each.name.endswith(SUFFIX)]
    return found[0] if len(found) == 1 else None
