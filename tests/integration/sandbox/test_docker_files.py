"""The files that go into a container, and what comes back of a job."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Ending
from ckptmatrix.providers.docker.sandbox import Bounds

if TYPE_CHECKING:
    from pathlib import Path

    from dockers import Bench


def test_an_input_that_is_gone_is_one_sentence(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(CellError) as caught:
        bench.run("say(1)", inputs={"a": tmp_path / "nothing"})
    assert str(tmp_path / "nothing") in caught.value.message


def test_only_files_and_folders_come_back(bench: Bench) -> None:
    ran = bench.run("""
        os.makedirs(OUTPUT + "/folder/empty")
        open(OUTPUT + "/folder/file", "w").write("content")
        os.chmod(OUTPUT + "/folder/file", 0o4777)
        os.symlink("/etc/passwd", OUTPUT + "/link")
        os.symlink("/", OUTPUT + "/folder/root")
        os.link(OUTPUT + "/folder/file", OUTPUT + "/hard")
        os.mkfifo(OUTPUT + "/pipe")
        open(OUTPUT + "/" + "n" * 200, "w").close()
        open((OUTPUT + "/odd \\n name").encode() + b"\\xff", "w").close()
    """)
    found = {os.fsencode(path.relative_to(ran.output)) for path in ran.output.rglob("*")}
    assert {b"folder", b"folder/empty", b"n" * 200, b"odd \n name\xff"} <= found
    # A hard link is sent once as a file and then as a link: which is which is the engine's choice.
    assert found & {b"folder/file", b"hard"}
    assert not found & {b"link", b"folder/root", b"pipe"}
    for path in ran.output.rglob("*"):
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o7077 == 0 or path.is_dir()


def test_more_files_than_allowed_are_refused(bench: Bench) -> None:
    ran = bench.run(
        """
        for number in range(200):
            open(OUTPUT + "/%d" % number, "w").close()
        """,
        bounds=Bounds(output_files=100),
    )
    assert ran.end.ending is Ending.FLOODED
    assert "more than 100 files" in ran.end.tail
    assert len(list(ran.output.iterdir())) <= 100


def test_more_bytes_than_allowed_are_refused(bench: Bench) -> None:
    ran = bench.run(
        """
        for number in range(5):
            open(OUTPUT + "/%d" % number, "wb").write(b"x" * 1_000_000)
        """,
        bounds=Bounds(output_bytes=3_500_000),
    )
    assert ran.end.ending is Ending.FLOODED
    assert sum(path.stat().st_size for path in ran.output.iterdir()) <= 3_500_000
