"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from ckptmatrix.store.failures import explained

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["point_at", "write_atomic"]


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new, whatever happens meanwhile.

    Args:
        path: The file; its folder must exist. A link is replaced, not followed.
        content: Text is written as UTF-8.

    Raises:
        StoreError: It cannot be written; what was there before is unchanged.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = _beside(path)
    with explained(path):
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def point_at(link: Path, target: str) -> None:
    """Make a symbolic link, or move an existing one, without a moment in which there is none.

    Args:
        link: The link; a file or folder that is not a link is left alone.
        target: Where it points, relative to its folder.

    Raises:
        StoreError: It cannot be made, or something that is no link has its name.
    """
    beside = _beside(link)
    with explained(link):
        if link.exists() and not link.is_symlink():
            raise FileExistsError(17, "a file or folder that is not a link is in the way")
        try:
            beside.symlink_to(target)
            beside.replace(link)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _beside(path: Path) -> Path:
    """An unused name in the same folder: a rename is only atomic inside one file system."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
