from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ckptcell.errors import OutOfBounds
from ckptcell.jobbounds import JobBounds

if TYPE_CHECKING:
    from pathlib import Path


def bounds(output: Path, *, deadline_s: float | None = None, room: int | None = None) -> JobBounds:
    return JobBounds(deadline_s, str(output), room)


def test_a_job_without_bounds_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    bounds(tmp_path).check()


def test_a_deadline_that_passed_ends_it(tmp_path: Path) -> None:
    of_job = bounds(tmp_path, deadline_s=0.05)
    of_job.check()
    time.sleep(0.06)
    with pytest.raises(OutOfBounds, match=r"not done after 0\.05 s"):
        of_job.check()


def test_room_is_what_all_files_take(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three"):
        (tmp_path / name).write_bytes(b"x" * 40_000)
    bounds(tmp_path, room=200_000).check()
    with pytest.raises(OutOfBounds, match="beyond 100000 bytes"):
        bounds(tmp_path, room=100_000).check()


def test_a_hole_takes_no_room(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10_000_000)
    bounds(tmp_path, room=100_000).check()


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "big").write_bytes(b"x" * 1_000_000)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "link").symlink_to(tmp_path / "elsewhere")
    bounds(tmp_path / "output", room=100_000).check()


def test_a_folder_that_nobody_may_read_hides_nothing(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "big").write_bytes(b"x" * 1_000_000)
    hidden.chmod(0)
    with pytest.raises(OutOfBounds):
        bounds(tmp_path, room=100_000).check()


def test_a_path_too_deep_to_follow_hides_nothing(tmp_path: Path) -> None:
    before = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        for _ in range(30):
            os.mkdir("d" * 200)  # noqa: PTH102 - the whole path is too long for pathlib
            os.chdir("d" * 200)
        with pytest.raises(OutOfBounds):
            bounds(tmp_path, room=10_000_000).check()
    finally:
        os.fchdir(before)
        os.close(before)


def test_the_folder_is_not_looked_at_all_the_time(tmp_path: Path) -> None:
    of_job = bounds(tmp_path, room=100_000)
    of_job.check()
    (tmp_path / "big").write_bytes(b"x" * 1_000_000)
    of_job.check()
    time.sleep(0.55)
    with pytest.raises(OutOfBounds):
        of_job.check()
