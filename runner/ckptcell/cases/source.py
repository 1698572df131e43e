"""Checkpoints that cannot be got at: missing, unreadable, half copied.

What is saved is a good state dict; the mistake is in what the consumer opens: a file in its working
folder, named so that what it says does not depend on where that folder is.
"""

import contextlib
import os
import shutil

from ckptcell import inputs, kernel, modes
from ckptcell.cases.base import Case

__all__ = ["SourceMissing", "SourceTruncatedInCopy", "SourceUnreadable"]

#: The user and group «nobody» of Debian and most others; any but root would do.
_NOBODY = 65534


class _Source(Case):
    """A good state dict, and how its consumer fails to get at it."""

    family = "user-mistakes"
    # How much a pickle is trusted matters only once there is one to read.
    modes = ("plain", "mmap")

    def make(self):
        # More than the 64 KiB a zip reader searches from the end, cut in half or not.
        return {"weight": inputs.numbers(256, 256, device=self.device)}


class SourceMissing(_Source):
    """The path is that of a file that is not there."""

    name = "source_missing"
    title = "State dict looked for under a path where nothing lies"
    expect = {"verdict": "failed", "reasons": ["source_missing"]}

    def load(self, path, mode):  # noqa: ARG002 - the mistake is to look elsewhere
        return modes.torch_load("checkpoints/last.pt", mode, self.device)


class SourceUnreadable(_Source):
    """The file belongs to another user and is nobody else's to read."""

    name = "source_unreadable"
    title = "State dict in a file that its reader may not read"
    expect = {"verdict": "failed", "reasons": ["source_unreadable"]}

    def load(self, path, mode):
        copy = "unreadable.pt"
        shutil.copyfile(path, copy)
        # What torch imports when it first loads is not what may not be read.
        with contextlib.suppress(Exception):
            modes.torch_load(copy, mode, self.device)
        try:
            os.chmod(copy, 0)
            with _no_privileges():
                return modes.torch_load(copy, mode, self.device)
        finally:
            os.remove(copy)


class SourceTruncatedInCopy(_Source):
    """The file was whole; copying it ended early, at the end of a block."""

    name = "source_truncated_in_copy"
    title = "State dict whose copy ended early"
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}

    def load(self, path, mode):
        copy = "copied.pt"
        with open(path, "rb") as whole, open(copy, "wb") as part:
            part.write(whole.read(32 * 4096))
        try:
            return modes.torch_load(copy, mode, self.device)
        finally:
            os.remove(copy)


@contextlib.contextmanager
def _no_privileges():
    """For as long as this lasts, no file is readable only because the process belongs to root."""
    if os.geteuid() != 0:
        yield
        return
    parent = os.getppid()
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        # Linux takes these from a process that changes its user.
        kernel.set_dumpable(True)
        kernel.die_with_parent(parent)
