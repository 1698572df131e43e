"""The cell program's command line: ``python ckptcell.pyz --input DIR --output DIR --scratch DIR``.

The manifest is the first line of standard input, which then stays open for as long as answers are
wanted. Events leave on standard output, one JSON object a line.
"""

import argparse
import os
import signal
import socket
import sys

import ckptcell
from ckptcell import children, conditions, worker
from ckptcell.errors import ForkUnsafe, LifeLineClosed, ManifestError, OutOfBounds
from ckptcell.jobbounds import JobBounds
from ckptcell.lifeline import LifeLine
from ckptcell.manifest import parse
from ckptcell.supervisor import Supervisor

__all__ = ["main"]

_NOT_UNDERSTOOD = 2
_FORK_UNSAFE = 3
_LIFE_LINE_CLOSED = 4
_OUT_OF_BOUNDS = 5


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="ckptcell", description="The program inside a cell.")
    parser.add_argument("--input", default=".", help="folder that paths to load are relative to")
    parser.add_argument("--output", help="folder that paths to save are relative to")
    parser.add_argument("--scratch", help="folder for everything else that is written")
    parser.add_argument("--deadline", type=float, help="seconds after which the job ends")
    parser.add_argument("--output-bytes", type=int, help="room the output folder may take")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child is None and (arguments.output is None or arguments.scratch is None):
        parser.error("--output and --scratch are needed")
    return arguments


def _isolation():
    """Fork where it is safe: macOS's system libraries are not fit for use after a fork."""
    if os.environ.get("CKPTCELL_ISOLATION") == "spawn" or not sys.platform.startswith("linux"):
        return "spawn"
    return "fork"


def _take_over(bounds):
    """The line to the orchestrator, out of the reach of whatever prints or reads from here on."""
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return LifeLine(commands, events, bounds)


def _end(number, _frame):
    raise SystemExit(128 + number)


def _serve_child(descriptor):
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
    channel.set_inheritable(False)
    worker.serve(channel, None)
    return 0


def main(argv):
    """Run the program.

    Args:
        argv: Arguments without the program's name.

    Returns:
        0 after ``bye``, 2 for a manifest it does not understand, 3 when forking is not safe, 4 when
        standard input closed, 5 when the job takes more time or room than it may.
    """
    arguments = _arguments(argv)
    if arguments.child is not None:
        return _serve_child(arguments.child)
    names = (arguments.input, arguments.output, arguments.scratch)
    folders = tuple(os.path.realpath(name) for name in names)
    wanted = conditions.conditioned(os.environ, folders[2])
    # Children change their folder, and modules are still imported then: a relative path would fail.
    if wanted != dict(os.environ) or not os.path.isabs(ckptcell.__path__[0]):
        command = children.program(argv)
        os.execve(command[0], command, wanted)  # noqa: S606 - this program itself, no shell
    conditions.apply(wanted)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    line = _take_over(JobBounds(arguments.deadline, folders[1], arguments.output_bytes))
    try:
        Supervisor(parse(line.read_manifest()), folders, line, _isolation()).run()
    except ManifestError as error:
        sys.stderr.write("ckptcell: the manifest: {}\n".format(error))
        return _NOT_UNDERSTOOD
    except ForkUnsafe as error:
        sys.stderr.write("ckptcell: {}\n".format(error))
        return _FORK_UNSAFE
    except OutOfBounds as excess:
        sys.stderr.write("ckptcell: {}\n".format(excess))
        return _OUT_OF_BOUNDS
    except LifeLineClosed:
        return _LIFE_LINE_CLOSED
    finally:
        children.sweep()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
