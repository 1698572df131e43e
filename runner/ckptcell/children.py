"""Child processes: starting one, hearing it, and leaving nothing of it behind."""

import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any

from ckptcell import canonical, kernel, worker
from ckptcell.errors import ForkUnsafe, Misbehaved

__all__ = ["Child", "Ended", "program", "refuse_unsafe_fork", "sweep"]

_BROKE = 70
_TAIL = 8192
_CHUNK = 65536
#: What a result may take beside what its task reports.
_FRAMING = 100000
#: Seconds a child may take to read a command.
_SEND_S = 10.0
_SWEEP_S = 5.0

# The first entry of the path would be the folder the program was started in: nothing of ours.
_ENTRY = (
    "import sys; sys.path[0] = sys.argv.pop(1); "
    "from ckptcell.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


def program(arguments):
    """The command line that starts this same program, from a folder or from a zip alike."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-c", _ENTRY, root] + list(arguments)


def refuse_unsafe_fork(threads):
    """Raise when this process has more threads than ``threads``.

    Measured: after one parallel operation in the parent, every forked child hung at its first
    parallel operation in nine of eleven environments.

    Raises:
        ckptcell.errors.ForkUnsafe: It has.
    """
    present = kernel.thread_count()
    if present > threads:
        msg = "{} threads where there were {} after the import".format(present, threads)
        raise ForkUnsafe(msg)


class Ended(object):
    """How a process ended: ``signal`` or ``exit_code``, and the most memory it had."""

    def __init__(self, status, usage):
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.exit_code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        scale = 1 if sys.platform == "darwin" else 1024
        self.peak_rss_bytes = usage.ru_maxrss * scale

    def __str__(self):
        if self.signal is None:
            return "ended with exit code {}".format(self.exit_code)
        try:
            return "was ended by {}".format(signal.Signals(self.signal).name)
        except ValueError:
            return "was ended by signal {}".format(self.signal)


class Child(object):
    """One child process: a socket for commands and results, and a pipe for whatever it prints.

    Args:
        setup: What ``worker.serve`` is told.
        threads: Most threads this process may have to fork safely.
        private: Descriptors the child must not keep.

    Attributes:
        ended: How it ended, or None while it runs.
        hung_up: Whether it closed its result pipe.
        ready: Whether it said that it is ready for its first task; set by who reads its lines.
        printed: Bytes it printed since the last :meth:`command`.
    """

    def __init__(self, setup, threads, private):
        refuse_unsafe_fork(threads)
        self._channel, theirs = socket.socketpair()
        output, printed_to = os.pipe()
        self._output: Any = output  # None once it is closed
        self._received = bytearray()
        self._budget = setup["limits"]["result_bytes"] + _FRAMING
        self._heard = 0
        self._tail = b""
        self.ended = None
        self.hung_up = False
        self.ready = False
        self.printed = 0
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours = [self._channel.fileno(), output] + list(private)
                _become_child(parent, theirs, printed_to, ours, setup)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(_BROKE)
        theirs.close()
        os.close(printed_to)
        self._channel.setblocking(False)
        os.set_blocking(output, False)
        if setup["isolation"] == "spawn":
            self.command(canonical.dumps(setup))

    def descriptors(self):
        """What to wait on: the result pipe and the output, as far as they are open."""
        opened = [] if self._output is None else [self._output]
        return opened if self.hung_up else opened + [self._channel.fileno()]

    @property
    def tail(self):
        """End of what it printed since the last command."""
        return self._tail.decode("utf-8", "replace")

    def command(self, line):
        """Send it a line and count anew what it reports and prints.

        What it reported without being asked is thrown away.
        """
        self.hear()
        if self.ready:
            del self._received[:]
        self._heard = 0
        self.printed = 0
        self._tail = b""
        self._channel.settimeout(_SEND_S)
        try:
            self._channel.sendall(line + b"\n")
        except OSError:
            # It is dead or dying, or never reads: its end or its deadline will tell.
            return
        finally:
            self._channel.setblocking(False)

    def hear(self):
        """Take what it has reported and printed so far, without waiting."""
        while not self.hung_up and self._heard <= self._budget:
            try:
                data = self._channel.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self.hung_up = not data
            self._heard += len(data)
            self._received += data
        self._drain()

    def _drain(self):
        # Bounded, so that a child that never stops printing cannot keep the supervisor here.
        for _ in range(64):
            if self._output is None:
                return
            try:
                data = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                os.close(self._output)
                self._output = None
                return
            self.printed += len(data)
            self._tail = (self._tail + data)[-_TAIL:]

    def next_line(self):
        """The next line it reported, or None when there is no whole one yet.

        Raises:
            ckptcell.errors.Misbehaved: It reported more than it may.
        """
        end = self._received.find(b"\n")
        if self._heard > self._budget:
            msg = "reported more than {} bytes".format(self._budget)
            raise Misbehaved(msg)
        if end < 0:
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def reap(self):
        """See whether it, or an orphan this process inherited, has ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.ended = Ended(status, usage)

    def signal(self, number):
        """Send a signal to it and its process group."""
        if self.ended is None:
            _signal(os.kill, self.pid, number)
        _signal(os.killpg, self.pid, number)

    def finish(self):
        """Kill it and everything it left, and close what belongs to it. Once is enough."""
        if self._channel.fileno() < 0:
            return
        self.signal(signal.SIGKILL)
        if self.ended is None:
            _, status, usage = os.wait4(self.pid, 0)
            self.ended = Ended(status, usage)
        sweep()
        self.hear()
        self._channel.close()
        if self._output is not None:
            os.close(self._output)
            self._output = None


def _signal(send, target, number):
    try:
        send(target, number)
    except (ProcessLookupError, PermissionError):
        return


def _any_child():
    """Reap the dead; whether a child is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def sweep():
    """Kill and reap every descendant of this process.

    In a PID namespace of its own that is everything there; elsewhere it is what this process, as
    the reaper of its descendants' orphans, finds to be its children, until there are none.
    """
    deadline = time.monotonic() + _SWEEP_S
    while _any_child() and time.monotonic() < deadline:
        if os.getpid() == 1:
            _signal(os.kill, -1, signal.SIGKILL)
        for pid in kernel.own_children():
            _signal(os.kill, pid, signal.SIGKILL)
        select.select((), (), (), 0.001)


def _become_child(parent, channel, printed_to, not_ours, setup):
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    kernel.die_with_parent(parent)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(printed_to, 1)
    os.dup2(printed_to, 2)
    for descriptor in not_ours + [nothing, printed_to]:
        os.close(descriptor)
    kernel.set_dumpable(True)
    kernel.be_killed_first()
    if setup["isolation"] == "spawn":
        channel.set_inheritable(True)
        command = program(["--child", str(channel.fileno())])
        os.execv(command[0], command)  # noqa: S606 - this program itself, no shell
    worker.serve(channel, setup)
    os._exit(0)
