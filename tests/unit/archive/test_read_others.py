"""Legacy files, tar archives, safetensors, folders, plain pickles, and what is no checkpoint."""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import shutil
import struct
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from archive_files import ARCHIVES
from ckptmatrix.archive.limits import Limits
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from archive_files import Read

LEGACY = (ARCHIVES / "2.13.0" / "tied_legacy.pt").read_bytes()


# Legacy


@pytest.mark.parametrize("kept", range(20, len(LEGACY), 37))
def test_a_cut_legacy_file_is_told(read: Read, kept: int) -> None:
    reading = read(LEGACY[:kept])
    assert reading.format is Format.LEGACY
    assert reading.defects
    assert all(":" in defect or "storage" in defect for defect in reading.defects)


def test_legacy_storages_are_compared_with_the_pickle(read: Read) -> None:
    longer = LEGACY.replace(struct.pack("<q", 12), struct.pack("<q", 1 << 62))
    defects = read(longer).defects
    assert any("4,611,686,018,427,387,904 where it lies" in defect for defect in defects)
    negative = LEGACY.replace(struct.pack("<q", 12), struct.pack("<q", -1))
    assert any("-1 where it lies" in defect for defect in read(negative).defects)


def test_legacy_in_protocol_0(read: Read) -> None:
    facts = {"protocol_version": 1001, "little_endian": False, "type_sizes": {}}
    parts: tuple[object, ...] = (0x1950A86A20F9469CFC6C, 1001, facts, {"epoch": 1}, [])
    reading = read(b"".join(pickle.dumps(part, 0) for part in parts))
    assert (reading.format, reading.defects, reading.keys) == (Format.LEGACY, (), ("epoch",))
    assert reading.byteorder == "big"


# Tar


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return obj.id if isinstance(obj, _Tensor) else None


class _Tensor:
    def __init__(self, number: int) -> None:
        self.id = number


def dumped(value: object) -> bytes:
    made = io.BytesIO()
    _Pickler(made, 2).dump(value)
    return made.getvalue()


def tar_of(**changed: bytes) -> bytes:
    def kind(name: str) -> bytes:
        return b"ctorch\n" + name.encode() + b"\n"

    facts = {"protocol_version": 1000, "little_endian": True, "type_sizes": {}}
    files = {
        "sys_info": dumped(facts),
        "storages": dumped(1)
        + b"\x80\x02K\x07X\x03\x00\x00\x00cpu" + kind("HalfStorage") + b"\x87."
        + struct.pack("<q", 6) + bytes(12) + dumped([]),
        "tensors": dumped(1)
        + b"\x80\x02K\x09K\x07" + kind("HalfTensor") + b"\x87."
        + struct.pack("<lxxxxqqqqq", 2, 2, 3, 3, 1, 0),
        "pickle": dumped({"model": {"weight": _Tensor(9)}}),
        **changed,
    }  # fmt: skip
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def test_a_tar_archive(read: Read) -> None:
    reading = read(tar_of())
    assert (reading.format, reading.defects, reading.byteorder) == (Format.TAR, (), "little")
    (tensor,) = reading.tensors
    assert (tensor.path, tensor.dtype, tensor.shape, tensor.storage) == (
        "['model']['weight']",
        "torch.float16",
        (2, 3),
        "7",
    )
    assert [(each.bytes, each.present) for each in reading.storages] == [(12, 12)]


def test_damaged_tar_archives(read: Read) -> None:
    whole = tar_of()
    assert read(whole[:1600]).defects
    assert read(tar_of(storages=b"\x80\x02K\x01.")).defects
    assert read(tar_of(tensors=tar_of())).defects
    lying = whole.replace(struct.pack("<l", 2) + bytes(4), struct.pack("<l", 1 << 30) + bytes(4))
    assert any("dimensions" in defect for defect in read(lying).defects)


# Safetensors


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_safetensors(read: Read) -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "weight": entry("BF16", [2, 3], 0, 12),
        "scale": entry("F8_E4M3", [], 12, 13),
    }
    reading = read(safetensors(header, bytes(13)))
    assert (reading.format, reading.defects) == (Format.SAFETENSORS, ())
    assert [(each.path, each.dtype, each.shape) for each in reading.tensors] == [
        ("['weight']", "torch.bfloat16", (2, 3)),
        ("['scale']", "torch.float8_e4m3fn", ()),
    ]
    assert reading.details == {"metadata format": "pt"}
    assert reading.tensor_bytes == 13


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (safetensors({"a": entry("F32", [2], 0, 8)}, bytes(4)), "cut off"),
        (safetensors({"a": entry("F32", [2], 0, 4)}, bytes(4)), "not its size"),
        (safetensors({"a": entry("F32", [1 << 62, 1 << 62], 0, 8)}, bytes(8)), "not its size"),
        (safetensors({"a": entry("F32", [2], 8, 0)}, bytes(8)), "not its size"),
        (safetensors({"a": entry("U8", [2], -2, 0)}, bytes(8)), "not its size"),
        (
            safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, bytes(3)),
            "overlaps",
        ),
        (safetensors({"a": entry("U8", [2], 2, 4)}, bytes(4)), "hole"),
        (safetensors({"a": entry("U8", [2], 0, 2)}, bytes(4)), "2 bytes follow"),
        (safetensors(b'{"a":1,"a":2}'), "twice"),
        (safetensors(b'{"a":' + b"[" * 100_000), "no JSON"),
        (safetensors(b'{"a":[]}'), "not one of a tensor"),
        (safetensors({"a": entry("U8", [-1], 0, 2)}, bytes(2)), "not one of a tensor"),
        (struct.pack("<Q", 1000) + b"{", "cut off"),
    ],
)
def test_safetensors_that_lie(read: Read, data: bytes, says: str) -> None:
    reading = read(data)
    assert reading.format is Format.SAFETENSORS
    assert any(says in defect for defect in reading.defects), reading.defects


def test_a_header_too_long_to_be_one_is_none(read: Read) -> None:
    assert read(struct.pack("<Q", 1 << 63) + b"{}").format is not Format.SAFETENSORS


# Folders


def dcp(tmp_path: Path) -> Path:
    folder = tmp_path / "dcp"
    shutil.copytree(ARCHIVES / "2.13.0" / "dcp", folder)
    return folder


def test_a_missing_and_a_cut_shard_are_told(tmp_path: Path) -> None:
    folder = dcp(tmp_path)
    (shard,) = folder.glob("*.distcp")
    os.truncate(shard, 100)
    assert any("cut off" in defect for defect in read_checkpoint(folder).defects)
    shard.unlink()
    assert any("missing" in defect for defect in read_checkpoint(folder).defects)


def test_metadata_are_written_last(tmp_path: Path) -> None:
    folder = dcp(tmp_path)
    (folder / ".metadata").unlink()
    reading = read_checkpoint(folder)
    assert reading.format is Format.DCP
    assert "written last" in reading.defects[0]


def test_metadata_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    folder = dcp(tmp_path)
    metadata = folder / ".metadata"
    data = metadata.read_bytes()
    assert b"__0_0.distcp" in data
    metadata.write_bytes(data.replace(b"__0_0.distcp", b"../../passwd"))
    reading = read_checkpoint(folder)
    assert [danger.what for danger in reading.dangers] == ["../../passwd"]


def test_other_folders(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path).format is Format.OTHER
    (tmp_path / "data.pkl").write_bytes(b"\x80\x02N.")
    assert "unpacked archive" in read_checkpoint(tmp_path).note


# Plain pickles


def test_a_plain_pickle(read: Read) -> None:
    for protocol in range(6):
        value = {"epoch": 3, "rest": collections.OrderedDict(a=[1.5])}
        reading = read(pickle.dumps(value, protocol))
        assert (reading.format, reading.keys) == (Format.PICKLE, ("epoch", "rest")), protocol
        assert (reading.root, reading.defects) == ("dict", ())


def test_bytes_after_a_pickle_are_told(read: Read) -> None:
    reading = read(pickle.dumps([1], 4) + b"more")
    assert reading.details == {"bytes after its end": "4"}


def test_texts_that_begin_like_a_pickle_are_texts(read: Read) -> None:
    for text in (b"(c) 2024 Somebody", b"[1, 2]", b"import torch", b"config: 3\n"):
        assert read(text).format is Format.OTHER


def test_checkpoints_inside_a_pickle_cost_what_they_cost_once(tmp_path: Path) -> None:
    plain = (ARCHIVES / "2.13.0" / "plain.pkl").read_bytes()
    path = tmp_path / "plain.pkl"
    path.write_bytes(plain)
    few = read_checkpoint(path, Limits(opcodes=100))
    assert few.incomplete
    assert read_checkpoint(path).incomplete == ""
    assert {each.dtype for each in read_checkpoint(path).storages} == {"torch.float32"}
    damaged = plain.replace(b"little_endian", b"\xff" * 13)
    path.write_bytes(damaged)
    read_checkpoint(path)


# What is no checkpoint


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", Format.EMPTY, ""),
        (b"<!DOCTYPE html><html><title>Sign in</title>", Format.HTML, "'Sign in'"),
        (b"\n <HTML><body>", Format.HTML, "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", Format.OTHER, "XML"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234567\n",
            Format.LFS_POINTER,
            "1,234,567 bytes",
        ),
        (b"\x1f\x8b\x08\x00" + b"\0" * 20, Format.OTHER, "gzip"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 20, Format.OTHER, "7z"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, Format.OTHER, "HDF5"),
        (b"\x93NUMPY\x01\x00", Format.OTHER, "numpy.load"),
        (b"GGUF\x03\0\0\0", Format.OTHER, "GGUF"),
        (b"\x08\x08\x12\x07pytorch\x1a\x062.13.0", Format.OTHER, "ONNX"),
        (b'{"model": 1}', Format.OTHER, "JSON"),
        (b"just words\n", Format.OTHER, "text"),
        (b"\0" * 5000, Format.UNKNOWN, "zero bytes"),
        (bytes(range(128, 256)) * 10, Format.UNKNOWN, ""),
        (b"PK\x05\x06" + b"\0" * 18, Format.OTHER, "without entries"),
    ],
)
def test_what_is_no_checkpoint(read: Read, data: bytes, kind: Format, says: str) -> None:
    reading = read(data)
    assert reading.format is kind
    assert says in reading.note


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "nothing")
    with pytest.raises(OSError, match="regular file"):
        read_checkpoint(Path(os.devnull))


def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ended: list[str] = []

    def look() -> None:
        try:
            read_checkpoint(pipe)
        except OSError as error:
            ended.append(str(error.strerror))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(20)
    assert ended == ["it is not a regular file"]
