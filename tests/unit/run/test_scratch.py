from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.run.scratch import PREFIX, own_scratch, sweep

if TYPE_CHECKING:
    from pathlib import Path

LIVES = """
import time
from ckptmatrix.run.scratch import own_scratch
with own_scratch() as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_there_while_it_is_used_and_not_after(temporary: Path) -> None:
    with own_scratch() as folder:
        assert folder.parent == temporary
        assert folder.name.startswith(PREFIX)
    assert list(temporary.iterdir()) == []


def test_two_runs_have_two(temporary: Path) -> None:
    with own_scratch() as one, own_scratch() as other:
        assert sorted(temporary.iterdir()) == sorted([one, other])


def test_that_of_a_killed_run_is_swept_and_that_of_a_living_one_is_not(temporary: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", LIVES], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        folder = temporary / process.stdout.readline().strip()
        sweep(temporary)
        assert (folder / "file").exists()
        process.kill()
    assert folder.exists()
    deadline = time.monotonic() + 5
    while folder.exists() and time.monotonic() < deadline:
        sweep(temporary)
    assert not folder.exists()


def test_what_is_not_a_run_s_stays(temporary: Path) -> None:
    kept = [temporary / f"{PREFIX}without-a-lock", temporary / "other"]
    for folder in kept:
        folder.mkdir()
    (kept[1] / ".lock").touch()
    (temporary / f"{PREFIX}link").symlink_to(kept[1])
    with own_scratch():
        pass
    assert all(folder.exists() for folder in kept)
    assert (kept[1] / ".lock").exists()
