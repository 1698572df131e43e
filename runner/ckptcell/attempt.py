"""One attempt at a task: sent to a child, followed to whatever end it comes to."""

import signal
import time

from ckptcell import canonical, evidence, kernel, results
from ckptcell.errors import Misbehaved
from ckptcell.text import bounded

__all__ = ["START_S", "follow"]

#: Seconds a child may take until it is ready for its first task.
START_S = 120.0
#: Seconds a child that closed its result pipe may take to end.
_PARTING_S = 1.0


class _Clock(object):
    """When something began and when it must be over."""

    def __init__(self, seconds):
        self._began = time.monotonic()
        self._deadline = self._began + seconds

    @property
    def left(self):
        return self._deadline - time.monotonic()

    @property
    def spent(self):
        return time.monotonic() - self._began


class _Attempt(object):
    """Where an attempt is: its stage, its time, and how it ended once it has."""

    def __init__(self, child, command, timeout_s, limits):
        self._child = child
        self._command = command
        self._timeout_s = timeout_s
        self._limits = limits
        self._stage = "save" if command["mode"] is None else "load"
        self._parting = None
        self.clock = _Clock(START_S)
        if child.ready:
            self._begin()

    def _begin(self):
        # A child that is ready is reading: only then does it take a command of any size.
        self._child.command(canonical.dumps(self._command))
        self.clock = _Clock(self._timeout_s)

    @property
    def left(self):
        """Seconds until something must have happened."""
        clocks = (self.clock, self._parting)
        return min(clock.left for clock in clocks if clock is not None)

    def ending(self):
        """The ending, once there is one, else None. To be asked whenever there may be news."""
        try:
            reported = self._reported()
        except Misbehaved as misbehaved:
            return self._ended("died", "the process {}".format(misbehaved))
        if self._child.printed > self._limits.output_bytes:
            detail = "printed more than {} bytes".format(self._limits.output_bytes)
            return self._ended("output_flood", detail)
        if reported is not None:
            return dict(reported, signal=None, exit_code=None)
        if self._child.ended is not None:
            return self._ended("died", "the process {}".format(self._child.ended))
        return self._overdue()

    def _reported(self):
        """The result, if the child has reported one."""
        for line in iter(self._child.next_line, None):
            kind, value = results.read(line)
            if kind == "ready" and not self._child.ready:
                self._child.ready = True
                self._begin()
            elif kind == "stage" and self._child.ready:
                self._stage = value
            elif kind == "result" and self._child.ready:
                return value
            else:
                msg = "reported what it was not asked for"
                raise Misbehaved(msg)
        return None

    def _overdue(self):
        if self._child.hung_up and self._parting is None:
            self._parting = _Clock(_PARTING_S)
        if self._parting is not None and self._parting.left <= 0:
            return self._ended("died", "the process closed its result pipe and went on without it")
        if self.clock.left > 0:
            return None
        if not self._child.ready:
            return self._ended("died", "the process was not ready after {:g} s".format(START_S))
        return self._ended("timeout", "was still running after {:g} s".format(self._timeout_s))

    def _ended(self, result, detail):
        return {
            "result": result,
            "stage": self._stage,
            "exception": None,
            "detail": bounded(detail),
            "oom": False,
            "seconds": self.clock.spent,
            "observation": None,
            "behaviour_of": None,
            "checkpoint": None,
            "warnings": [],
            "peak_rss_bytes": 0,
            "reusable": False,
            "signal": None,
            "exit_code": None,
        }


def follow(child, command, timeout_s, limits, wait):
    """Have a child do a task and see how it ends.

    A child that may not do another task is finished when this returns: nothing of it is left.

    Args:
        child: The ``ckptcell.children.Child``.
        command: What ``ckptcell.worker`` is to do.
        timeout_s: Seconds the task may take, from when the child is ready for it.
        limits: The manifest's.
        wait: ``wait(child, seconds)`` returns when there may be news of the child.

    Returns:
        The fields of the wire's ``Done`` that are about the ending, ``observation`` as a value, and
        ``reusable``: whether the child may do another task.
    """
    kills = kernel.oom_kills()
    attempt = _Attempt(child, command, timeout_s, limits)
    ending = attempt.ending()
    while ending is None:
        wait(child, attempt.left)
        ending = attempt.ending()
    if ending["result"] == "timeout":
        _ask_to_end(child, limits.grace_s, wait)
    if not ending["reusable"]:
        _finish(child, ending)
    if ending["result"] == "died":
        killed = ending["signal"] == signal.SIGKILL and kernel.oom_kills() > kills
        ending["oom"] = killed or evidence.out_of_memory(child.tail)
    ending["tail"] = bounded(child.tail)
    ending["output_bytes"] = child.printed
    given = command["source"] or command
    ending.update(evidence.without_folders(ending, [command["path"], given["path"]]))
    return ending


def _ask_to_end(child, grace_s, wait):
    child.signal(signal.SIGTERM)
    clock = _Clock(grace_s)
    while child.ended is None and clock.left > 0:
        wait(child, clock.left)


def _finish(child, ending):
    # How it ended is evidence only where it was not this program that ended it.
    if child.ended is not None and ending["result"] == "died":
        ending["signal"] = child.ended.signal
        ending["exit_code"] = child.ended.exit_code
    child.finish()
    ending["peak_rss_bytes"] = max(ending["peak_rss_bytes"], child.ended.peak_rss_bytes)
