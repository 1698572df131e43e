"""Know, not guess, which environments can load which PyTorch checkpoints.

The public Python interface is :func:`load_run`, which opens the folder a run left behind, and
:func:`stamp`, which writes what a checkpoint was made with beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.report.frames import RunFrames

__all__ = ["__version__", "load_run", "stamp"]

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


def stamp(
    path: Path | str,
    model: object = None,
    optimizer: object = None,
    config: object = None,
    **extra: object,
) -> Path:
    """Write what a checkpoint was made with into ``<path>.ckptmatrix.json``.

    To be called where the training runs, after the file is saved: ``torch.save(…, "model.pt");
    ckptmatrix.stamp("model.pt", model=model, optimizer=optimizer, config={"lr": 0.1})``.

    Args:
        path: The checkpoint, a file or a folder.
        model: The model, whose tensors are listed with dtype and shape; the file's own when None.
        optimizer: The optimizer, whose class and defaults are noted.
        config: Training parameters; what JSON has no word for becomes text.
        **extra: Whatever else is to be noted.

    Returns:
        The sidecar's path.

    Raises:
        ckptmatrix.errors.UsageError: The file cannot be read, or the sidecar not be written.
    """
    from ckptmatrix.stamping import stamp_file  # noqa: PLC0415 - pydantic takes a while

    return stamp_file(path, model=model, optimizer=optimizer, config=config, extra=extra)
