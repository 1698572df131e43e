"""What the file system or SQLite says, turned into what a user can do."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckptmatrix.errors import StoreError
from ckptmatrix.system_errors import FIXES, explain_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["explained", "store_error"]

_SQLITE_FIXES = {
    sqlite3.SQLITE_READONLY: FIXES[errno.EACCES],
    sqlite3.SQLITE_PERM: FIXES[errno.EACCES],
    sqlite3.SQLITE_FULL: FIXES[errno.ENOSPC],
    sqlite3.SQLITE_IOERR: FIXES[errno.EIO],
    sqlite3.SQLITE_CANTOPEN: "it must be a file in a folder that this user can write to",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: wait for it to end, then run again",
}


def store_error(path: Path, error: OSError | sqlite3.Error) -> StoreError:
    """Say what went wrong with a file, and what to do.

    Args:
        path: The file or folder that was meant.
        error: What was raised.

    Returns:
        An error whose message names the path and a fix.
    """
    if isinstance(error, OSError):
        what, fix = explain_os_error(error)
    else:
        what = str(error)
        # The low byte of an extended code is its primary code: https://sqlite.org/rescode.html
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        fix = _SQLITE_FIXES.get(code, "check the folder, or choose another")
    return StoreError(f"{path}: {what}\n    fix: {fix}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise :class:`~ckptmatrix.errors.StoreError` about ``path`` in place of an ``OSError``."""
    try:
        yield
    except OSError as error:
        raise store_error(path, error) from error
