from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Ending, JobEnd
from ckptmatrix.providers.venv.process import converse


def run(
    tmp_path: Path,
    code: str,
    *,
    deadline_s: float = 30.0,
    longest: int = 1_000,
    cancel: threading.Event | None = None,
) -> tuple[JobEnd, list[bytes]]:
    lines: list[bytes] = []
    end = converse(
        [sys.executable, "-c", code],
        environ={"PATH": os.defpath},
        cwd=tmp_path,
        first_line=b"manifest",
        deadline_s=deadline_s,
        on_line=lines.append,
        cancel=cancel or threading.Event(),
        longest=longest,
    )
    return end, lines


def test_the_program_reads_its_line_and_is_heard(tmp_path: Path) -> None:
    end, lines = run(tmp_path, "import sys; print(input()); print('b'); print('c', end='')")
    assert lines == [b"manifest", b"b"]
    assert end == JobEnd(ending=Ending.EXITED, exit_code=0)


def test_a_program_that_reads_nothing_does_no_harm(tmp_path: Path) -> None:
    end, _ = run(tmp_path, "import os; os.close(0); import time; time.sleep(0.2)")
    assert end.exit_code == 0


def test_a_signal_is_a_negative_exit_code_and_not_the_kernels_doing(tmp_path: Path) -> None:
    end, _ = run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert (end.exit_code, end.oom_killed) == (-signal.SIGKILL, False)


def test_much_on_standard_error_neither_blocks_nor_is_kept(tmp_path: Path) -> None:
    end, lines = run(tmp_path, "import sys; sys.stderr.write('x' * 500_000 + 'end'); print('y')")
    assert lines == [b"y"]
    assert end.tail.endswith("xend")
    assert len(end.tail) < 10_000


def test_closing_standard_output_is_not_the_end(tmp_path: Path) -> None:
    code = "import os, time; os.close(1); time.sleep(0.3); os._exit(5)"
    assert run(tmp_path, code)[0].exit_code == 5


def test_all_that_was_said_before_the_end_is_heard(tmp_path: Path) -> None:
    _, lines = run(tmp_path, "for n in range(20_000): print(n)")
    assert lines == [str(n).encode() for n in range(20_000)]


def test_a_cancelled_job_does_not_begin(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    end, _ = run(tmp_path, "import time; time.sleep(60)", cancel=cancel)
    assert end.ending is Ending.CANCELLED


def test_a_daemon_without_the_marker_is_ended_while_its_parent_lives(tmp_path: Path) -> None:
    """The marker can be cleared and the session left, but not both and the family."""
    code = (
        "import os, sys, time, subprocess\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], env={},\n"
        "                     start_new_session=True)\n"
        "print(p.pid, flush=True); time.sleep(60)\n"
    )
    _, lines = run(tmp_path, code, deadline_s=1.0)
    assert gone(int(lines[0]))


def test_the_pipes_are_closed_when_the_listener_fails(tmp_path: Path) -> None:
    def fail(_line: bytes) -> None:
        raise ZeroDivisionError

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
    with pytest.raises(ZeroDivisionError):
        converse(
            [sys.executable, "-c", "print('x', flush=True); import time; time.sleep(60)"],
            environ={},
            cwd=tmp_path,
            first_line=b"",
            deadline_s=30,
            on_line=fail,
            cancel=threading.Event(),
        )
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count of names


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CellError, match="no-such-program"):
        converse(
            [tmp_path / "no-such-program"],
            environ={},
            cwd=tmp_path,
            first_line=b"",
            deadline_s=1,
            on_line=lambda _line: None,
            cancel=threading.Event(),
        )


def test_standard_input_closes_when_the_orchestrator_is_killed(tmp_path: Path) -> None:
    """The life line: the cell program ends itself when it reads the end of its input."""
    cell = "import sys; print('up', flush=True); sys.stdin.read(); open('closed', 'w').write('yes')"
    orchestrator = (
        "import sys, threading; from pathlib import Path\n"
        "from ckptmatrix.providers.venv.process import converse\n"
        f"converse([sys.executable, '-c', {cell!r}], environ={{}}, cwd=Path({str(tmp_path)!r}),\n"
        "         first_line=b'm', deadline_s=60, cancel=threading.Event(),\n"
        "         on_line=lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", orchestrator], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"b'up'\n"
        process.kill()
    until = time.monotonic() + 10
    while not (tmp_path / "closed").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert (tmp_path / "closed").exists()


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
