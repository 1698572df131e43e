"""Files and links of the store: there whole or not at all, and failures that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix import atomic
from ckptmatrix.store.failures import explained

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["point_at", "write_atomic"]


def write_atomic(path: Path, content: bytes | str) -> None:
    """As :func:`ckptmatrix.atomic.write_atomic`.

    Raises:
        StoreError: It cannot be written; what was there before is unchanged.
    """
    with explained(path):
        atomic.write_atomic(path, content)


def point_at(link: Path, target: str) -> None:
    """Make a symbolic link, or move an existing one, without a moment in which there is none.

    Args:
        link: The link; a file or folder that is not a link is left alone.
        target: Where it points, relative to its folder.

    Raises:
        StoreError: It cannot be made, or something that is no link has its name.
    """
    beside = atomic.unused_name(link)
    with explained(link):
        if link.exists() and not link.is_symlink():
            raise FileExistsError(17, "a file or folder that is not a link is in the way")
        try:
            beside.symlink_to(target)
            beside.replace(link)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
