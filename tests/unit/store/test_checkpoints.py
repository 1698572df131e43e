from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError, StoreError
from ckptmatrix.store.checkpoints import CheckpointStore
from ckptmatrix.wire import Checkpoint, CheckpointFile
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Describe = Callable[[Path], Checkpoint]


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "store" / "checkpoints")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "checkpoint.pt"
    path.parent.mkdir()
    path.write_bytes(b"weights" * 1000)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "dcp"
    (path / "deep" / "er").mkdir(parents=True)
    (path / ".metadata").write_bytes(b"meta")
    (path / "deep" / "er" / "0.distcp").write_bytes(b"shard")
    (path / "a-b").write_bytes(b"")
    return path


def claim(sha256: str, *files: tuple[str, int, str]) -> Checkpoint:
    listed = tuple(CheckpointFile(path=p, bytes=b, sha256=s) for p, b, s in files)
    return Checkpoint(sha256=sha256, bytes=sum(f.bytes for f in listed), files=listed)


def leftovers(store: CheckpointStore) -> list[Path]:
    return list((store.root / ".staging").iterdir())


def test_a_file_is_stored_under_its_digest_and_read_only(
    store: CheckpointStore, file: Path, describe: Describe
) -> None:
    said = describe(file)
    place = store.add(file, said, "model.pt")
    assert place == store.root / said.sha256[:2] / said.sha256 / "model.pt"
    assert place.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    assert store.path(said.sha256, "model.pt") == place
    assert store.verified(said.sha256, "model.pt") == place
    assert leftovers(store) == []


def test_what_is_not_there_is_none(store: CheckpointStore) -> None:
    assert store.path("0" * 64, "model.pt") is None
    assert store.verified("0" * 64, "model.pt") is None


def test_a_folder_is_stored_with_all_its_files(
    store: CheckpointStore, folder: Path, describe: Describe
) -> None:
    said = describe(folder)
    place = store.add(folder, said, "dcp")
    assert (place / "deep" / "er" / "0.distcp").read_bytes() == b"shard"
    assert (place / "a-b").read_bytes() == b""
    assert stat.S_IMODE((place / ".metadata").stat().st_mode) == 0o444
    assert store.verified(said.sha256, "dcp") == place


def test_the_same_digest_twice_and_under_two_names(
    store: CheckpointStore, file: Path, folder: Path, describe: Describe
) -> None:
    for source in (file, folder):
        said = describe(source)
        first = store.add(source, said, "one")
        assert store.add(source, said, "one") == first
        second = store.add(source, said, "two")
        assert first != second
        assert first.exists()
        assert second.exists()
    assert leftovers(store) == []


def test_the_store_does_not_share_bytes_with_what_the_cell_can_still_write(
    store: CheckpointStore, file: Path, describe: Describe
) -> None:
    with file.open("r+b") as still_open:
        place = store.add(file, said := describe(file), "model.pt")
        still_open.write(b"poison")
    assert store.verified(said.sha256, "model.pt") == place


@pytest.mark.parametrize("length", [0, 5, 6999, 7001, 3_000_000])
def test_other_bytes_than_claimed_are_refused(
    store: CheckpointStore, file: Path, describe: Describe, length: int
) -> None:
    said = describe(file)
    file.write_bytes(b"x" * length)
    with pytest.raises(CellError, match="content changed") as caught:
        store.add(file, said, "model.pt")
    assert caught.value.reason is Reason.CHECKPOINT_CORRUPT
    assert store.path(said.sha256, "model.pt") is None
    assert leftovers(store) == []


def test_a_tampered_file_is_found_and_removed_and_may_be_added_again(
    store: CheckpointStore, file: Path, describe: Describe
) -> None:
    said = describe(file)
    place = store.add(file, said, "model.pt")
    place.chmod(0o644)
    place.write_bytes(b"tampered")
    assert store.verified(said.sha256, "model.pt") is None
    assert store.path(said.sha256, "model.pt") is None
    assert store.add(file, said, "model.pt") == place
    place.chmod(0o644)
    place.write_bytes(b"tampered")
    assert store.add(file, said, "model.pt").read_bytes() == file.read_bytes()


def test_a_tampered_folder_is_found_and_replaced(
    store: CheckpointStore, folder: Path, describe: Describe
) -> None:
    said = describe(folder)
    place = store.add(folder, said, "dcp")
    (place / "added").write_bytes(b"")
    assert store.add(folder, said, "dcp") == place
    assert not (place / "added").exists()
    (place / "link").symlink_to("/etc")
    assert store.verified(said.sha256, "dcp") is None


def _symlink(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _absent(_path: Path) -> None:
    pass


@pytest.mark.parametrize("make", [_symlink, _dangling, _fifo, _socket, _absent])
def test_a_file_that_is_none_is_refused(
    store: CheckpointStore, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    source = tmp_path / "out.pt"
    make(source)
    said = claim("0" * 64, (".", 10, "0" * 64))
    with pytest.raises(CellError) as caught:
        store.add(source, said, "model.pt")
    assert caught.value.reason is Reason.CELL_MISBEHAVED
    assert "out.pt" in caught.value.message
    assert leftovers(store) == []


@pytest.mark.parametrize("make", [_symlink, _dangling, _fifo, _socket])
def test_a_folder_with_something_else_in_it_is_refused(
    store: CheckpointStore, folder: Path, describe: Describe, make: Callable[[Path], None]
) -> None:
    said = describe(folder)
    make(folder / "deep" / "odd")
    with pytest.raises(CellError) as caught:
        store.add(folder, said, "dcp")
    assert caught.value.reason is Reason.CELL_MISBEHAVED


def test_a_listed_file_that_became_a_link_is_refused(
    store: CheckpointStore, folder: Path, describe: Describe, tmp_path: Path
) -> None:
    said = describe(folder)
    (tmp_path / "elsewhere").write_bytes(b"meta")
    (folder / ".metadata").unlink()
    (folder / ".metadata").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CellError, match="neither a file nor a folder"):
        store.add(folder, said, "dcp")


def test_a_link_on_the_way_is_refused_below_the_given_folder(
    store: CheckpointStore, file: Path, describe: Describe, tmp_path: Path
) -> None:
    output = tmp_path / "job"
    output.mkdir()
    (output / "t0").symlink_to(file.parent)
    with pytest.raises(CellError, match=r"not a folder|is a link"):
        store.add(output / "t0" / file.name, describe(file), "model.pt", inside=output)
    place = store.add(file, describe(file), "model.pt", inside=file.parent.parent)
    assert place.exists()


def test_unlisted_and_missing_files_are_refused(
    store: CheckpointStore, folder: Path, describe: Describe
) -> None:
    said = describe(folder)
    (folder / "extra").write_bytes(b"")
    with pytest.raises(CellError, match="differ at 'extra'"):
        store.add(folder, said, "dcp")
    (folder / "extra").unlink()
    (folder / "a-b").unlink()
    with pytest.raises(CellError, match="differ at 'a-b'"):
        store.add(folder, said, "dcp")


def test_a_file_is_not_a_folder_nor_the_reverse(
    store: CheckpointStore, file: Path, folder: Path, describe: Describe
) -> None:
    with pytest.raises(CellError, match="is a folder, though"):
        store.add(folder, describe(file), "model.pt")
    with pytest.raises(CellError, match="is a file, though"):
        store.add(file, describe(folder), "dcp")


A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (claim(A, (".", 1, B)), "two digests"),
        (claim(A, ("x", 1, A)), "not that of its files"),
        (claim(A, ("x", 1, A), ("x", 1, A)), "twice"),
        (claim(A, ("a/./x", 1, A)), "not plain"),
        (claim(A, ("a//x", 1, A)), "not plain"),
        (claim(A, (".", 1, A), ("x", 1, B)), "not plain"),
        (claim(A, (".", 10_001, A)), "more than"),
        (Checkpoint(sha256=A, bytes=5, files=()), "add up"),
    ],
)
def test_an_impossible_claim_is_refused(
    tmp_path: Path, file: Path, said: Checkpoint, problem: str
) -> None:
    store = CheckpointStore(tmp_path / "store", max_bytes=10_000)
    with pytest.raises(CellError, match=problem) as caught:
        store.add(file, said, "model.pt")
    assert caught.value.reason is Reason.CELL_MISBEHAVED


@pytest.mark.parametrize("filename", ["", ".", "..", "a/b", "../x", "/etc/passwd", "a\nb", "\0"])
def test_a_name_that_is_none_is_a_bug_of_the_caller(
    store: CheckpointStore, file: Path, describe: Describe, filename: str
) -> None:
    with pytest.raises(ValueError, match="not a file name"):
        store.add(file, describe(file), filename)


@pytest.mark.parametrize("sha256", ["", "..", "A" * 64, "g" * 64, "0" * 63])
def test_a_digest_that_is_none_is_a_bug_of_the_caller(store: CheckpointStore, sha256: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.path(sha256, "model.pt")


def test_a_file_in_the_way_names_the_path_and_the_fix(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreError, match=r"store.*\n    fix: .*folder"):
        CheckpointStore(tmp_path / "store" / "checkpoints")


def test_a_full_disk_names_the_path_and_the_fix(
    store: CheckpointStore, tmp_path: Path, describe: Describe
) -> None:
    """A limit on file sizes stands in for the disk: both make write() fail half-way."""
    big = tmp_path / "big"
    big.write_bytes(os.urandom(3_000_000))
    said = describe(big)
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from ckptmatrix.store.checkpoints import CheckpointStore\n"
        "from ckptmatrix.wire import Checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))\n"
        "store = CheckpointStore(Path(sys.argv[1]))\n"
        "said = Checkpoint.model_validate_json(sys.argv[3])\n"
        "store.add(Path(sys.argv[2]), said, 'x')\n"
    )
    arguments = [str(store.root), str(big), said.model_dump_json()]
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert "StoreError" in ran.stderr
    assert "fix: the file is larger than allowed" in ran.stderr
    assert store.path(said.sha256, "x") is None
    assert leftovers(store) == []


def test_leftovers_of_a_killed_process_are_removed_a_day_later(store: CheckpointStore) -> None:
    old, new = store.root / ".staging" / "old", store.root / ".staging" / "new"
    for entry in (old, new):
        entry.mkdir()
        (entry / "x").write_bytes(b"half")
    os.utime(old, (time.time() - 100_000,) * 2)
    CheckpointStore(store.root)
    assert leftovers(store) == [new]


def test_processes_that_add_the_same_folder_at_once_agree(
    store: CheckpointStore, folder: Path, describe: Describe
) -> None:
    said = describe(folder)
    code = (
        "import sys; from pathlib import Path\n"
        "from ckptmatrix.store.checkpoints import CheckpointStore\n"
        "from ckptmatrix.wire import Checkpoint\n"
        "said = Checkpoint.model_validate_json(sys.argv[3])\n"
        "for i in range(40):\n"
        "    CheckpointStore(Path(sys.argv[1])).add(Path(sys.argv[2]), said, f'dcp{i}')\n"
    )
    arguments = [str(store.root), str(folder), said.model_dump_json()]
    running = [subprocess.Popen([sys.executable, "-c", code, *arguments]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert all(store.verified(said.sha256, f"dcp{i}") for i in range(40))
    assert leftovers(store) == []
