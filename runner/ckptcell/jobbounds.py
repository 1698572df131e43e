"""What a whole job may take: time, and room in its output folder.

A container's volume has no quota, and a caller that died behind a network may leave standard input
open for ever: whoever watches from outside may be gone, so the program watches itself.
"""

import os
import time

from ckptcell.errors import OutOfBounds

__all__ = ["JobBounds"]

#: Seconds between two looks at the output folder.
_LOOK_S = 0.5
#: More files and folders than any job makes; counting them must not take long either.
_ENTRIES = 100000


class JobBounds(object):
    """The bounds of a job.

    Args:
        deadline_s: Seconds from now, or None for no end.
        output: The output folder.
        output_bytes: Room its files may take, or None for any.
    """

    def __init__(self, deadline_s, output, output_bytes):
        self._deadline_s = deadline_s
        self._began = time.monotonic()
        self._output = output
        self._output_bytes = output_bytes
        self._next_look = self._began

    def check(self):
        """See whether the job keeps to them.

        Raises:
            ckptcell.errors.OutOfBounds: It does not.
        """
        now = time.monotonic()
        if self._deadline_s is not None and now - self._began > self._deadline_s:
            msg = "the job was not done after {:g} s".format(self._deadline_s)
            raise OutOfBounds(msg)
        if self._output_bytes is not None and now >= self._next_look:
            if not _fits(self._output, self._output_bytes):
                msg = "the output folder has grown beyond {} bytes, or {} files".format(
                    self._output_bytes, _ENTRIES
                )
                raise OutOfBounds(msg)
            # A folder that takes long to look at is looked at less often.
            self._next_look = time.monotonic() + max(_LOOK_S, 10 * (time.monotonic() - now))


def _fits(folder, most):
    """Whether everything in a folder takes no more room than it may."""
    pending = [folder]
    room = count = 0
    while pending:
        place = pending.pop()
        try:
            _open_up(place)
            with os.scandir(place) as entries:
                for entry in entries:
                    count += 1
                    status = entry.stat(follow_symlinks=False)
                    # A file may have holes; its blocks are always of 512 bytes: stat(2).
                    room += status.st_blocks * 512
                    if room > most or count > _ENTRIES:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            # A task removed it meanwhile.
            continue
        except OSError:
            # A path so deep that no program can follow it is no checkpoint.
            return False
    return True


def _open_up(folder):
    """A task cannot hide what it wrote in a folder that nobody may read: the folder is ours."""
    if not os.access(folder, os.R_OK | os.X_OK):
        os.chmod(folder, 0o700)
