"""A program that speaks the cell program's protocol and does what the name of a task's case says.

Runs in any cell with Python 3.6 and nothing else; the fake calls :func:`program` in-process.
"""

# ruff: noqa: UP006, UP007, UP035 - a cell may have Python 3.6, which lacks the new forms
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Generator, List, Union

#: What is said and slept, then the exit code; zero lets the next task have its turn.
Lines = Generator[Union[bytes, float], None, int]


def program(side: Any) -> Lines:
    """Yield what a cell of the suite says (bytes) and how long it sleeps (seconds)."""
    yield line({"event": "hello", "protocol": 1, "facts": FACTS})
    for task in side.manifest["tasks"]:
        yield line({"event": "started", "task": task["id"], "attempt": 1})
        code = yield from DEEDS[task["case"]](side, task)
        if code:
            return code
        yield line(dict(DONE, task=task["id"]))
    yield line({"event": "bye", "tasks": len(side.manifest["tasks"])})
    return 0


FACTS = {
    "cell_program": "stand-in",
    "python": "3.11.0",
    "implementation": "CPython",
    "executable": "python",
    "platform": "Linux",
    "machine": "x86_64",
    "byteorder": "little",
}
DONE = {
    "event": "done",
    "attempt": 1,
    "isolation": "alone",
    "result": "returned",
    "stage": "load",
    "seconds": 0.0,
}


def line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def tell(value: Any) -> bytes:
    return line({"event": "observation", "sha256": "0" * 64, "value": value})


def show_environ(side: Any, _task: Dict[str, Any]) -> Lines:
    yield tell(dict(side.environ))
    return 0


def show_folders(side: Any, _task: Dict[str, Any]) -> Lines:
    folders = {"input": side.input, "output": side.output, "scratch": side.scratch}
    yield tell({name: sorted(p.name for p in path.iterdir()) for name, path in folders.items()})
    return 0


def show_manifest(side: Any, _task: Dict[str, Any]) -> Lines:
    yield tell(side.manifest)
    return 0


def show_stdin(side: Any, _task: Dict[str, Any]) -> Lines:
    yield 0.2
    yield tell({"open": side.stdin_is_open()})
    return 0


def read(side: Any, task: Dict[str, Any]) -> Lines:
    yield tell({"text": (side.input / task["path"]).read_text()})
    return 0


def write(side: Any, task: Dict[str, Any]) -> Lines:
    path = side.output / task["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("written by " + task["id"])
    (side.scratch / "scribble").write_text("scribble")
    yield tell({})
    return 0


def say_much(_side: Any, task: Dict[str, Any]) -> Lines:
    yield b"x" * int(task["path"])
    return 0


def leave_behind(side: Any, task: Dict[str, Any]) -> Lines:
    side.leave_behind(side.output / task["path"])
    yield 0.3
    return 0


def hang(_side: Any, _task: Dict[str, Any]) -> Lines:
    while True:
        yield 60.0


def die(side: Any, _task: Dict[str, Any]) -> Lines:
    side.complain("last words")
    side.mumble('{"event":"done"')
    yield 0.0
    return 7


DEEDS = {
    "show environ": show_environ,
    "show folders": show_folders,
    "show manifest": show_manifest,
    "show stdin": show_stdin,
    "read": read,
    "write": write,
    "say much": say_much,
    "leave behind": leave_behind,
    "hang": hang,
    "die": die,
}

#: Detached in every way a process can be; it holds the job's output open and keeps writing.
HEARTBEAT = """
import os, sys, time
os.setsid()
if os.fork():
    os._exit(0)
while True:
    with open(sys.argv[1], "a") as file:
        file.write(".")
    time.sleep(0.02)
"""


class Side:
    """What the program finds around it in a real cell."""

    def __init__(self, arguments: List[str]) -> None:
        folders = dict(zip(arguments[::2], arguments[1::2]))  # noqa: B905 - Python 3.6
        self.input = Path(folders["--input"])
        self.output = Path(folders["--output"])
        self.scratch = Path(folders["--scratch"])
        self.environ = os.environ
        self.manifest = json.loads(sys.stdin.buffer.readline().decode())

    def complain(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def mumble(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def leave_behind(self, path: Path) -> None:
        subprocess.Popen([sys.executable, "-c", HEARTBEAT, str(path)])

    def stdin_is_open(self) -> bool:
        return not select.select([sys.stdin], [], [], 0)[0]


def main(side: Side) -> int:
    """Run the program and return its exit code."""
    steps = program(side)
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            return int(stop.value)
        if isinstance(step, bytes):
            sys.stdout.buffer.write(step + b"\n")
            sys.stdout.buffer.flush()
        else:
            time.sleep(step)


if __name__ == "__main__":
    sys.exit(main(Side(sys.argv[1:])))
