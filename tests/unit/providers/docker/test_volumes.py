from __future__ import annotations

import io
import resource
import string
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.providers.docker.volumes import (
    Entry,
    InputChanged,
    OutputRefused,
    OutputUnwritable,
    entries_of,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = st.text(string.ascii_letters + "äß€.- _", min_size=1, max_size=120).filter(
    lambda name: name.strip(". ") != ""
)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o7777
    return info


def pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def take(data: bytes, folder: Path, *, max_bytes: int = 10_000, max_files: int = 100) -> None:
    unpack(pieces(data), folder, root="output", max_bytes=max_bytes, max_files=max_files)


# --- into a volume -------------------------------------------------------------------------------


def test_files_go_in_read_only_with_all_their_folders(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "b").write_bytes(b"bb")
    file = tmp_path / "a"
    file.write_bytes(b"a" * 1_500)
    entries = entries_of({"x/a.pt": file, "y": tmp_path / "folder"}, "given/input")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(entries)))) as tar:
        members = {info.name: info for info in tar}
        content = tar.extractfile("given/input/x/a.pt")
        assert content is not None
        assert content.read() == b"a" * 1_500
    assert list(members) == [
        *("given", "given/input", "given/input/x", "given/input/y", "given/input/y/inner"),
        *("given/input/x/a.pt", "given/input/y/inner/b"),
    ]
    assert {info.mode for info in members.values() if info.isreg()} == {0o444}
    assert {info.mode for info in members.values() if info.isdir()} == {0o555}
    assert {(info.uid, info.gid) for info in members.values()} == {(0, 0)}


def test_a_given_link_is_followed_and_one_inside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert entries_of({"a": tmp_path / "link"}, "in")[-1].source == tmp_path / "target"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputChanged, match="neither a file nor a folder"):
        entries_of({"a": tmp_path / "folder"}, "in")


def test_what_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputChanged, match="nothing"):
        entries_of({"a": tmp_path / "nothing"}, "in")


@pytest.mark.parametrize("size", [0, 4, 6])
def test_a_file_whose_size_changed_is_not_sent_as_something_else(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    entries = entries_of({"a": file}, "in")
    file.write_bytes(b"x" * size)
    with pytest.raises(InputChanged, match="changed while it was read"):
        list(pack(entries))


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    entry = Entry(name="a", source=tmp_path / "nothing", size=1, mode=0o444)
    with pytest.raises(InputChanged, match="nothing cannot be read"):
        list(pack([entry]))


@given(files=st.dictionaries(NAMES, st.binary(max_size=2_000), max_size=5))
def test_what_is_packed_is_unpacked(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for name, data in files.items():
        (source / name).write_bytes(data)
    take(b"".join(pack(entries_of({"all": source}, "output"))), target)
    assert {path.name: path.read_bytes() for path in (target / "all").iterdir()} == files


# --- out of a volume -----------------------------------------------------------------------------


def test_links_devices_and_pipes_are_left_out(tmp_path: Path) -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    links = [(member(f"output/{kind!r}", kind, "/etc/passwd"), b"") for kind in kinds]
    take(archive(*links, (member("output/file"), b"content")), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_modes_are_not_believed(tmp_path: Path) -> None:
    take(archive((member("output/file"), b"")), tmp_path)
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "output/../../escaped", "../output/x", "elsewhere/x", "outputs", "output/a/.."],
)
def test_a_path_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(OutputRefused, match="leaves its folder"):
        take(archive((member(name), b"x")), inside)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside"]


@pytest.mark.parametrize(
    "members",
    [
        ("output/a", "output/a"),
        ("output/a", "output/a/b"),
        ("output",),
        ("output/" + "n" * 300,),
        ("output/" + "d/" * 3_000 + "x",),
    ],
    ids=["twice", "file as folder", "root as file", "long name", "deep"],
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, members: tuple[str, ...]) -> None:
    with pytest.raises(OutputRefused, match="cannot be written"):
        take(archive(*((member(name), b"x") for name in members)), tmp_path)


def test_a_link_that_waits_for_a_file_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.write_text("precious")
    (inside / "link").symlink_to(outside)
    with pytest.raises(OutputRefused):
        take(archive((member("output/link"), b"hacked")), inside)
    assert outside.read_text() == "precious"


def test_too_many_bytes_are_refused_before_they_are_written(tmp_path: Path) -> None:
    two = archive((member("output/a"), b"x" * 600), (member("output/b"), b"x" * 600))
    with pytest.raises(OutputRefused, match="more than 1000 bytes"):
        take(two, tmp_path, max_bytes=1_000)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    root = (member("output", tarfile.DIRTYPE), b"")
    files = [(member(f"output/{number}"), b"") for number in range(4)]
    take(archive(root, *files[:3]), tmp_path, max_files=3)
    (tmp_path / "again").mkdir()
    with pytest.raises(OutputRefused, match="more than 3 files"):
        take(archive(root, *files), tmp_path / "again", max_files=3)


@pytest.mark.parametrize("data", [b"nonsense" * 200, b"x"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(OutputRefused, match="not a readable archive"):
        take(data, tmp_path)


def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = archive((member("output/a"), b"x" * 5_000))
    with pytest.raises(OutputRefused, match="not a readable archive"):
        take(whole[:2_000], tmp_path)


def test_a_disk_that_takes_no_more_is_not_blamed_on_the_job(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OutputUnwritable, match=r"output-a cannot be written"):
            take(archive((member("output/output-a"), b"x" * 101)), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
