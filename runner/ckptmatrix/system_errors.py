"""What the operating system says, turned into what a user can do."""

from __future__ import annotations

import errno

__all__ = ["FIXES", "explain_os_error"]

#: errno → what to do.
FIXES = {
    errno.EACCES: "give this user write permission there, or choose another folder",
    errno.EPERM: "give this user write permission there, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space, or choose a folder on another disk",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another folder",
    errno.EFBIG: "the file is larger than allowed there (see `ulimit -f`)",
    errno.ENOENT: "something is missing there: run again, or choose another folder",
    errno.ENOTDIR: "a file is where a folder should be: remove it, or choose another folder",
    errno.EEXIST: "something else has that name: remove it, or choose another folder",
    errno.EISDIR: "a folder is where a file should be: remove it, or choose another folder",
    errno.ENAMETOOLONG: "the path is too long: choose a folder nearer to the root",
    errno.EIO: "the disk reports an error: check it, or choose a folder on another disk",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n 4096`)",
}


def explain_os_error(error: OSError) -> tuple[str, str]:
    """What went wrong, in lower case, and what to do about it."""
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return what, FIXES.get(error.errno or 0, "check the folder, or choose another")
