"""What the kernel can be asked about a process, with quiet answers where it is not Linux."""

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading

__all__ = [
    "address_space_bytes",
    "be_killed_first",
    "be_the_reaper",
    "die_with_parent",
    "flush_c_streams",
    "has_children",
    "oom_kills",
    "own_children",
    "set_dumpable",
    "thread_count",
]

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

_CGROUPS = "/sys/fs/cgroup"


def _prctl(option, value):
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def set_dumpable(dumpable):
    """Allow or refuse other processes of the same user to look into this one through ``/proc``."""
    _prctl(_PR_SET_DUMPABLE, 1 if dumpable else 0)


def be_killed_first():
    """When memory runs out, have the kernel kill this process before any other."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def be_the_reaper():
    """Inherit the orphans of all descendants, so that none can outlive its task unseen."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent):
    """Have this process killed when ``parent``, its parent's id, ends in whatever way."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def flush_c_streams():
    """Write out what C code printed and still holds in its buffers."""
    ctypes.CDLL(None).fflush(None)


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def thread_count():
    """Threads of this process, those that Python does not know of included."""
    found = re.search(r"^Threads:\s*(\d+)", _read("/proc/self/status"), re.MULTILINE)
    return int(found.group(1)) if found else threading.active_count()


def address_space_bytes():
    """Present size of this process's address space, or None where it cannot be had."""
    pages = _read("/proc/self/statm").split()
    return int(pages[0]) * os.sysconf("SC_PAGE_SIZE") if pages else None


def has_children():
    """Whether this process has children, running or dead, without reaping any."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):
        return False
    return True


def own_children():
    """Ids of the processes whose parent this one is, orphans it inherited included."""
    us = str(os.getpid())
    found = []
    names = os.listdir("/proc") if os.path.isdir("/proc") else []
    for name in names:
        if name.isdigit():
            # The name in parentheses may hold anything; state and parent follow the last one.
            fields = _read("/proc/{}/stat".format(name)).rpartition(")")[2].split()
            if len(fields) > 1 and fields[1] == us:
                found.append(int(name))
    return found


def _counters():
    """Files that may count this process's memory kills, of both versions of cgroups."""
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, name = _CGROUPS, "memory.events"
        elif "memory" in controllers.split(","):
            base, name = os.path.join(_CGROUPS, "memory"), "memory.oom_control"
        else:
            continue
        # In a container the mount may already start at the container's own group.
        yield os.path.join(base, path.lstrip("/"), name)
        yield os.path.join(base, name)


def oom_kills():
    """How many processes of this control group the kernel has killed for memory; 0 if unknown."""
    for path in _counters():
        found = re.search(r"^oom_kill (\d+)$", _read(path), re.MULTILINE)
        if found:
            return int(found.group(1))
    return 0
