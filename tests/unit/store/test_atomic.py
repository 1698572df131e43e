from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import StoreError
from ckptmatrix.store.atomic import point_at, write_atomic

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_text_and_bytes_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "é\n")
    write_atomic(tmp_path / "a", "ü\n")
    write_atomic(tmp_path / "b", b"\x00")
    assert (tmp_path / "a").read_bytes() == "ü\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\x00"
    assert names(tmp_path) == ["a", "b"]


def test_what_cannot_be_written_leaves_the_old_content_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent/a: no such file.*\n    fix: "):
        write_atomic(tmp_path / "absent" / "a", "x")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(StoreError, match="a folder is where a file should be"):
        write_atomic(tmp_path / "folder", "x")
    assert names(tmp_path) == ["folder"]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "a").symlink_to("precious")
    write_atomic(tmp_path / "a", "new")
    assert (tmp_path / "precious").read_text() == "kept"
    assert not (tmp_path / "a").is_symlink()


def test_a_link_moves(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point_at(tmp_path / "latest", name)
        assert (tmp_path / "latest").readlink().name == name
    assert names(tmp_path) == ["latest", "one", "two"]


def test_a_link_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(StoreError, match=r"latest: .*\n    fix: something else has that name"):
        point_at(tmp_path / "latest", "one")
    assert (tmp_path / "latest").is_dir()
