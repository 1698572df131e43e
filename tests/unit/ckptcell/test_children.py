from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ckptcell import children, kernel
from ckptcell.errors import ForkUnsafe

if TYPE_CHECKING:
    from pathlib import Path


def test_forking_with_more_threads_than_before_is_refused() -> None:
    before = kernel.thread_count()
    children.refuse_unsafe_fork(before)
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    try:
        with pytest.raises(ForkUnsafe, match="threads where there were"):
            children.Child({"isolation": "fork"}, before, [])
    finally:
        go_on.set()
        thread.join()


def test_the_program_starts_itself_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    done = subprocess.run(
        children.program(["--help"]), cwd=str(tmp_path), capture_output=True, text=True, check=True
    )
    assert "--scratch" in done.stdout


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (3 << 8, "ended with exit code 3"),
        (9, "was ended by SIGKILL"),
        (60, "was ended by signal 60"),
    ],
)
def test_an_end_is_told_in_words(status: int, text: str) -> None:
    usage = type("Usage", (), {"ru_maxrss": 5})
    ended = children.Ended(status, usage)
    assert str(ended) == text
    assert ended.peak_rss_bytes == 5 * (1 if sys.platform == "darwin" else 1024)
