"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["unused_name", "write_atomic"]


def write_atomic(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, whatever happens meanwhile.

    Args:
        path: The file; its folder must exist. A link is replaced, not followed.
        content: Text is written as UTF-8.
        durable: Whether it has to survive a power cut, which takes milliseconds.

    Raises:
        OSError: It cannot be written; what was there before is unchanged.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = unused_name(path)
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            if durable:
                # Without it a file may be empty under its new name after a power cut.
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def unused_name(path: Path) -> Path:
    """An unused name in the same folder: a rename is only atomic inside one file system."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
