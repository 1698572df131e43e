"""The two ends of the line to the orchestrator: standard input, held open, and events going out."""

import os
import select
import signal

from ckptcell import canonical
from ckptcell.errors import LifeLineClosed, ManifestError

__all__ = ["LOOK_S", "LifeLine"]

#: Seconds between two looks at a line on which nothing happens.
LOOK_S = 1.0

#: A pipe that polls as writable takes this much without blocking (PIPE_BUF on Linux).
_PIECE = 4096
_CHUNK = 65536
_LONGEST_MANIFEST = 64000000
_TICK_S = 0.1


class LifeLine(object):
    """What connects the cell program with whoever started it.

    Every method raises ``ckptcell.errors.LifeLineClosed`` when standard input has closed, or when
    nobody reads the events any more, and ``ckptcell.errors.OutOfBounds`` when the job is to end for
    its own sake.

    Args:
        commands: Descriptor of what was standard input.
        events: Descriptor of what was standard output.
        bounds: The job's ``ckptcell.jobbounds.JobBounds``.
    """

    def __init__(self, commands, events, bounds):
        self.commands = commands
        self.events = events
        self._bounds = bounds

    def read_manifest(self):
        """The first line, without its end.

        Raises:
            ckptcell.errors.ManifestError: It is longer than any manifest.
        """
        received = bytearray()
        while b"\n" not in received:
            while not select.select((self.commands,), (), (), LOOK_S)[0]:
                self._bounds.check()
            if len(received) > _LONGEST_MANIFEST:
                msg = "longer than {} bytes".format(_LONGEST_MANIFEST)
                raise ManifestError(msg)
            data = os.read(self.commands, _CHUNK)
            if not data:
                raise LifeLineClosed
            received += data
        return bytes(received[: received.index(b"\n")])

    def check(self):
        """See whether the job is to go on. What is sent after the manifest is thrown away.

        To be called whenever there is something to read, and every :data:`LOOK_S` seconds.
        """
        self._bounds.check()
        while select.select((self.commands,), (), (), 0)[0]:
            if not os.read(self.commands, _CHUNK):
                raise LifeLineClosed

    def during(self, action):
        """Call ``action``, which does not know of this line, and watch the line by a timer."""

        def tick(_number, _frame):
            self.check()

        before = signal.signal(signal.SIGALRM, tick)
        signal.siginterrupt(signal.SIGALRM, False)
        signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)
        try:
            return action()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def send(self, event):
        """Send one event. A reader that is slow is waited for, one that is gone is not."""
        data = memoryview(canonical.dumps(event) + b"\n")
        poller = select.poll()
        poller.register(self.commands, select.POLLIN)
        poller.register(self.events, select.POLLOUT)
        while data:
            ready = dict(poller.poll(LOOK_S * 1000))
            self.check()
            if ready.get(self.events, 0) & (select.POLLERR | select.POLLNVAL):
                raise LifeLineClosed
            if self.events in ready:
                try:
                    data = data[os.write(self.events, data[:_PIECE]) :]
                except BrokenPipeError:
                    raise LifeLineClosed from None
