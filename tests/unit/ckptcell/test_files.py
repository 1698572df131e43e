from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from ckptcell import files

if TYPE_CHECKING:
    from pathlib import Path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_its_own_digest(tmp_path: Path) -> None:
    content = b"x" * 3_000_000
    (tmp_path / "file").write_bytes(content)
    assert files.describe(str(tmp_path / "file")) == {
        "sha256": sha256(content),
        "bytes": len(content),
        "files": [{"path": ".", "bytes": len(content), "sha256": sha256(content)}],
    }


def test_a_folder_is_the_digest_of_its_lines_in_the_order_of_paths(tmp_path: Path) -> None:
    contents = {"a.b": b"1", "a/z": b"22", "a/b/c": b"", "B": b"333"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty").mkdir()
    found = files.describe(str(tmp_path))
    paths = [file["path"] for file in found["files"]]
    assert paths == sorted(contents)
    lines = "".join(f"{sha256(contents[path])}  {path}\n" for path in paths)
    assert found["sha256"] == sha256(lines.encode())
    assert found["bytes"] == 6


def test_a_link_to_the_checkpoint_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert files.describe(str(tmp_path / "link")) == files.describe(str(tmp_path / "file"))


def test_what_cannot_be_part_of_a_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="'link' is neither a file nor a folder"):
        files.describe(str(folder))
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match="'pipe' is neither"):
        files.describe(str(folder))
    with pytest.raises(ValueError, match="'pipe' is neither"):
        files.describe(str(folder / "pipe"))
    (folder / "pipe").unlink()
    (folder / "new\nline").write_bytes(b"")
    with pytest.raises(ValueError, match="not portable"):
        files.describe(str(folder))
    with pytest.raises(FileNotFoundError):
        files.describe(str(tmp_path / "nothing"))


def test_a_stamp_changes_with_what_it_is_of(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"one")
    before = files.stamp(str(tmp_path))
    assert files.stamp(str(tmp_path)) == before
    (tmp_path / "deep" / "file").write_bytes(b"more")
    after = files.stamp(str(tmp_path))
    assert after != before
    (tmp_path / "deep" / "other").write_bytes(b"")
    assert files.stamp(str(tmp_path)) != after
    assert files.stamp(str(tmp_path / "nothing")) == ()


def test_whatever_is_there_is_removed(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("folder")
    for name in ("link", "nothing", "file"):
        files.remove(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    files.remove(str(tmp_path / "folder"))
    assert not list(tmp_path.iterdir())
