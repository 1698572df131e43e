"""What this machine refuses a provider, as the failure of a cell."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.system_errors import explain_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckptmatrix.words import Reason

__all__ = ["as_cell_error", "cell_error"]


@contextmanager
def as_cell_error(reason: Reason, doing: str, folder: Path) -> Iterator[None]:
    """Raise :class:`~ckptmatrix.errors.CellError` in place of an ``OSError``.

    Args:
        reason: The cell's.
        doing: What failed, for the message: ``the environment could not be made``.
        folder: Named when the error names no file itself.
    """
    try:
        yield
    except OSError as error:
        raise cell_error(reason, doing, folder, error) from error


def cell_error(reason: Reason, doing: str, folder: Path, error: OSError) -> CellError:
    """What :func:`as_cell_error` raises."""
    what, fix = explain_os_error(error)
    place = error.filename if error.filename is not None else folder
    return CellError(reason, f"{doing}: {place}: {what}; {fix}")
