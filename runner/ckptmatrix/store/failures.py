"""What the file system or SQLite says, turned into what a user can do."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ckptmatrix.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["explained", "store_error"]

_FIXES = {
    errno.EACCES: "give this user write permission there, or choose another folder",
    errno.EPERM: "give this user write permission there, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space, or choose a folder on another disk",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another folder",
    errno.EFBIG: "the file is larger than allowed there (see `ulimit -f`)",
    errno.ENOTDIR: "a file is where a folder should be: remove it, or choose another folder",
    errno.EEXIST: "something else has that name: remove it, or choose another folder",
    errno.EISDIR: "a folder is where a file should be: remove it, or choose another folder",
    errno.ENAMETOOLONG: "the path is too long: choose a folder nearer to the root",
    errno.EIO: "the disk reports an error: check it, or choose a folder on another disk",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n 4096`)",
}
_SQLITE_FIXES = {
    sqlite3.SQLITE_READONLY: _FIXES[errno.EACCES],
    sqlite3.SQLITE_PERM: _FIXES[errno.EACCES],
    sqlite3.SQLITE_FULL: _FIXES[errno.ENOSPC],
    sqlite3.SQLITE_IOERR: _FIXES[errno.EIO],
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
        what = (error.strerror or str(error) or type(error).__name__).lower()
        fix = _FIXES.get(error.errno or 0, "check the folder, or choose another")
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
