from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.images.context import write_archive, write_folder

if TYPE_CHECKING:
    from pathlib import Path


def archive(files: dict[str, bytes | Path]) -> bytes:
    out = io.BytesIO()
    write_archive(files, out)
    return out.getvalue()


def test_only_names_and_contents_count(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"wheel")
    two.write_bytes(b"wheel")
    os.utime(two, (1, 1))
    two.chmod(0o600)
    first = archive({"b": b"x", "a/w.whl": one})
    assert first == archive({"a/w.whl": two, "b": b"x"})
    assert first != archive({"a/w.whl": two, "b": b"y"})


def test_entries_are_sorted_and_belong_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"wheel")
    data = archive({"z": b"", "a": path})
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        members = opened.getmembers()
        assert [(m.name, m.size, m.uid, m.gid, m.uname, m.mtime, m.mode) for m in members] == [
            ("a", 5, 0, 0, "", 0, 0o644),
            ("z", 0, 0, 0, "", 0, 0o644),
        ]


def test_a_folder_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"wheel")
    link = tmp_path / "l"
    link.symlink_to(path)
    folder = tmp_path / "context"
    write_folder({"w/a.whl": path, "w/b.whl": link, "pip.conf": b"x"}, folder)
    assert (folder / "w/a.whl").read_bytes() == b"wheel"
    assert not (folder / "w/b.whl").is_symlink()
    assert (folder / "pip.conf").read_bytes() == b"x"
    assert (folder / "w/a.whl").stat().st_nlink > 1


def test_a_folder_of_nothing_exists(tmp_path: Path) -> None:
    write_folder({}, tmp_path / "context")
    assert list((tmp_path / "context").iterdir()) == []


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        archive({"a": tmp_path / "gone"})
    with pytest.raises(FileNotFoundError):
        write_folder({"a": tmp_path / "gone"}, tmp_path / "context")
