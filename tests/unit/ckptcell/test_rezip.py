from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from ckptcell.cases.base import Unsupported
from ckptcell.cases.byteorder import FormatBigEndian, FormatBigEndianUnmarked
from ckptcell.rezip import rezip, unzipped

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [("archive/data.pkl", b"pickle"), ("archive/data/0", b"\x01\x02" * 100)]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(path, "w") as written:
        for name, content in RECORDS:
            written.writestr(name, content)
    return path


def test_records_are_written_anew(archive: Path) -> None:
    rezip(str(archive), lambda records: [*records[1:], ("archive/byteorder", b"big")])
    assert unzipped(str(archive)) == [*RECORDS[1:], ("archive/byteorder", b"big")]


@pytest.mark.parametrize("names", [["a/data/0", "a/data/1"], ["archive/a much longer name", "b"]])
def test_contents_lie_where_torch_puts_them(archive: Path, names: list[str]) -> None:
    rezip(str(archive), lambda _: [(name, name.encode() * 7) for name in names])
    written = archive.read_bytes()
    assert all(written.index(name.encode() * 7) % 64 == 0 for name in names)


def test_compressed(archive: Path) -> None:
    before = archive.stat().st_size
    rezip(str(archive), list, deflated=True)
    assert archive.stat().st_size < before
    assert unzipped(str(archive)) == RECORDS
    with zipfile.ZipFile(archive) as written:
        assert {info.compress_type for info in written.infolist()} == {zipfile.ZIP_DEFLATED}


def test_a_file_that_is_no_zip_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"legacy")
    with pytest.raises(Unsupported, match="no zip file"):
        rezip(str(path), list)
    assert path.read_bytes() == b"legacy"


@pytest.mark.parametrize(
    ("case", "marks"),
    [(FormatBigEndian, [("a/byteorder", b"big")]), (FormatBigEndianUnmarked, [])],
)
def test_numbers_of_a_big_endian_machine(
    case: type[FormatBigEndian | FormatBigEndianUnmarked], marks: list[tuple[str, bytes]]
) -> None:
    little = [
        ("a/data.pkl", b"abcd"),
        ("a/byteorder", b"little"),
        ("a/data/0", struct.pack("<2f", 1.5, -0.125)),
        ("a/version", b"3\n"),
    ]
    made: Any = case()
    assert made.as_written_there(little) == [
        ("a/data.pkl", b"abcd"),
        ("a/data/0", struct.pack(">2f", 1.5, -0.125)),
        ("a/version", b"3\n"),
        *marks,
    ]
