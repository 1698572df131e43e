"""Zip archives that are damaged, packed by others, or lie."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from archive_files import ARCHIVES, saved
from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from archive_files import Read

TENSOR = (
    b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
    b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x02K\x02\x86"
    b"K\x02K\x01\x86\x89}tRs."
)
STORAGE = bytes(range(16))
REAL = (ARCHIVES / "2.13.0" / "tied.pt").read_bytes()


def test_it_is_read(read: Read) -> None:
    reading = read(saved(TENSOR, storages={"0": STORAGE}))
    assert (reading.format, reading.defects, reading.version) == (Format.ZIP, (), "3")
    (tensor,) = reading.tensors
    assert (tensor.path, tensor.dtype, tensor.shape) == ("['w']", "torch.float32", (2, 2))
    (storage,) = reading.storages
    assert (storage.key, storage.bytes, storage.present) == ("0", 16, 16)


@pytest.mark.parametrize("kept", [60, 200, 700, 900, len(REAL) - 22, len(REAL) - 1])
def test_a_cut_is_told_and_what_is_there_is_read(read: Read, kept: int) -> None:
    reading = read(REAL[:kept])
    assert any("cut off" in defect for defect in reading.defects), reading
    assert reading.format is Format.ZIP
    if kept > 700:
        assert reading.tensor_count == 4


def test_a_storage_shorter_than_the_pickle_says(read: Read) -> None:
    reading = read(saved(TENSOR, storages={"0": STORAGE[:8]}))
    assert reading.defects == ("storage 0 should have 16 bytes, and the file has 8",)
    assert reading.storages[0].present == 8


def test_a_storage_that_is_missing(read: Read) -> None:
    reading = read(saved(TENSOR))
    assert reading.defects == ("the bytes of storage 0 are missing (16 bytes)",)
    assert reading.storages[0].present is None


def test_a_tensor_that_is_larger_than_its_storage(read: Read) -> None:
    larger = TENSOR.replace(b"K\x02K\x02\x86K\x02K\x01\x86", b"K\x03K\x02\x86K\x02K\x01\x86")
    reading = read(saved(larger, storages={"0": STORAGE}))
    assert reading.defects == ("tensor ['w'] needs 6 elements of its storage, which has 4",)


@pytest.mark.parametrize("record", ["data.pkl", "data/0", "version"])
def test_a_flipped_bit_is_told_with_its_record(read: Read, record: str) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE})
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info = archive.getinfo(f"archive/{record}")
    at = info.header_offset + 30 + len(info.filename)
    flipped = bytearray(whole)
    flipped[at + info.file_size - 1] ^= 1
    defects = read(bytes(flipped)).defects
    assert f"record {record} is damaged: its bytes do not match their checksum" in defects


def test_checksums_that_were_not_written_are_no_damage(read: Read) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE})
    zeroed = whole
    for data in (TENSOR, STORAGE, b"3\n"):
        zeroed = zeroed.replace(struct.pack("<L", zlib.crc32(data)), bytes(4))
    reading = read(zeroed)
    assert reading.defects == ()
    assert reading.details["crc32"] == "not written"


def test_one_wrong_byte_order_is_told(read: Read) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE}, byteorder=b"big")
    assert read(whole).byteorder == "big"
    wrong = saved(TENSOR, storages={"0": STORAGE}, byteorder=b"sideways")
    assert "'sideways'" in read(wrong).defects[0]


def test_packed_anew_by_another_program(read: Read) -> None:
    loose = io.BytesIO()
    with zipfile.ZipFile(loose, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", TENSOR)
        archive.writestr("data/0", STORAGE)
    reading = read(loose.getvalue())
    assert reading.format is Format.ZIP
    assert "not in one folder" in reading.defects[0]
    assert "no record version" in reading.defects[1]
    assert reading.tensors[0].shape == (2, 2)
    deep = io.BytesIO()
    with zipfile.ZipFile(deep, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("downloads/model/data.pkl", TENSOR)
        archive.writestr("downloads/model/data/0", STORAGE)
        archive.writestr("downloads/model/version", "3\n")
    assert read(deep.getvalue()).tensors[0].shape == (2, 2)


def test_names_that_leave_the_folder_and_doubled_ones(read: Read) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", TENSOR)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("archive/data.pkl", TENSOR)
        archive.writestr("archive/../../etc/passwd", b"")
        link = zipfile.ZipInfo("archive/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    why = {danger.what: danger.why for danger in read(made.getvalue()).dangers}
    assert "2 records" in why["archive/data.pkl"]
    assert "outside" in why["archive/../../etc/passwd"]
    assert "symbolic link" in why["archive/link"]


def test_a_bomb_is_not_unpacked(read: Read) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", TENSOR)
        archive.writestr("archive/data/0", bytes(100 << 20))
        archive.writestr("archive/version", "3\n")
    reading = read(made.getvalue())
    assert reading.details["checksums"].startswith("of the first")
    assert [danger.what for danger in reading.dangers] == ["archive/data/0"]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * (40 << 20) + b"N.")
        archive.writestr("archive/version", "3\n")
    assert read(made.getvalue()).incomplete


def test_directories_that_lie(read: Read) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE})
    end = whole.rindex(b"PK\x05\x06")
    for offset, size in ((0xFFFFFFFF, 1), (1 << 30, 1 << 30), (0, 0)):
        lying = bytearray(whole)
        struct.pack_into("<LL", lying, end + 12, size, offset)
        reading = read(bytes(lying))
        assert reading.defects
    central = whole.index(b"PK\x01\x02")
    for at, value in ((central + 20, 1 << 31), (central + 24, 1 << 31), (central + 42, 1 << 31)):
        lying = bytearray(whole)
        struct.pack_into("<L", lying, at, value)
        reading = read(bytes(lying))
        assert reading.defects, at


def test_sizes_of_64_bits(read: Read) -> None:
    name = b"archive/data.pkl"
    local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 45, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    extra = struct.pack("<HHQQQ", 1, 24, 1 << 63, 1 << 63, 0)
    most = 0xFFFFFFFF
    central = (
        struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 45, 45, 0, 0, 0, 0, 0, most, most, len(name),
                    len(extra), 0, 0, 0, 0, most)
        + name + extra
    )  # fmt: skip
    end = struct.pack(
        "<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(TENSOR), 0
    )
    reading = read(local + TENSOR + central + end)
    assert any("9,223,372,036,854,775,808" in defect for defect in reading.defects)


def test_entries_without_a_directory_are_found_again(read: Read) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE})
    reading = read(whole[: whole.index(b"PK\x01\x02")])
    assert len(reading.defects) == 1
    assert reading.storages[0].present == 16
    assert reading.version == "3"


def test_bytes_after_the_end_are_told(read: Read) -> None:
    reading = read(saved(TENSOR, storages={"0": STORAGE}) + b"\0" * 512)
    assert reading.defects == ("512 bytes follow the end of the zip archive",)
    assert reading.tensor_count == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("arr_0.npy", "numpy.load"),
        ("[Content_Types].xml", "office"),
        ("model.weights.h5", "Keras"),
        ("torch-2.0.dist-info/METADATA", "wheel"),
        ("run/model.pt", "unpack"),
        ("anything", "did not write"),
    ],
)
def test_other_zip_archives_are_named(read: Read, name: str, says: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, b"x")
    reading = read(made.getvalue())
    assert reading.format is Format.OTHER
    assert says in reading.note


def test_encrypted_and_unknown_packing(read: Read) -> None:
    whole = saved(TENSOR, storages={"0": STORAGE})
    for offset, value, says in ((8, 1, "encrypted"), (10, 12, "method 12")):
        changed = bytearray(whole)
        struct.pack_into("<H", changed, whole.index(b"PK\x01\x02") + offset, value)
        reading = read(bytes(changed))
        assert any(says in defect for defect in reading.defects)


def test_what_is_packed_badly(read: Read) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(list(range(1000)), 2))
        archive.writestr("archive/version", "3\n")
    damaged = bytearray(made.getvalue())
    damaged[60:80] = b"\xff" * 20
    assert any("unpacked" in defect for defect in read(bytes(damaged)).defects)
