"""Know, not guess, which environments can load which PyTorch checkpoints.

The public Python interface is :func:`load_run`, which opens the folder a run left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.report.frames import RunFrames

__all__ = ["__version__", "load_run"]

__version__ = "0.1.0"


def load_run(path: Path | str) -> RunFrames:
    """Open a run folder as pandas tables.

    Args:
        path: A folder under ``reports/`` that ``ckptmatrix run`` wrote, or its ``latest`` link.

    Returns:
        A view whose ``frame()`` has one row an outcome and whose ``matrix()`` pivots them.

    Raises:
        ckptmatrix.errors.UsageError: The folder holds no run.
    """
    from ckptmatrix.report.frames import RunFrames  # noqa: PLC0415 - pandas takes half a second

    return RunFrames.open(path)
