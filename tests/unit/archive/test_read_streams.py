"""Pickles that loading a file runs and that are not its own pickle: all are followed."""

from __future__ import annotations

import json
import os
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

import hostile_files as hostile
from ckptmatrix.archive.limits import Limits
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from pathlib import Path

    from archive_files import Read
    from ckptmatrix.archive.reading import Reading

CALLS = "posix.system"


def dangers(reading: Reading) -> list[str]:
    return [each.what for each in reading.dangers]


def known(reading: Reading) -> bool:
    """Whether all that it does is known."""
    return not reading.incomplete and not reading.unfollowed


# Folders


@pytest.mark.parametrize("container", [hostile.saved, hostile.legacy])
def test_objects_of_a_folder_are_followed(tmp_path: Path, container: object) -> None:
    assert callable(container)
    plain = hostile.write_dcp(
        tmp_path / "plain", [container(hostile.PLAIN), container(hostile.TENSOR)]
    )
    reading = read_checkpoint(plain)
    assert (reading.defects, dangers(reading), known(reading)) == ((), [], True)
    assert "posix.system" not in [each.dotted for each in reading.globals]
    evil = hostile.write_dcp(tmp_path / "evil", [container(hostile.PLAIN), container(hostile.EVIL)])
    assert dangers(read_checkpoint(evil)) == [CALLS]


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"no pickle",
        hostile.saved(hostile.PLAIN)[:-30],
        hostile.legacy(b"\x80\x02}"),
        hostile.saved(b"\x80\x04" + hostile.text("path." * 1000) * 2 + b"\x93."),
        hostile.zip_of({"archive/version": b"3\n"}),
        b"\x80\x02cbuiltins\nint\n)R." + hostile.EVIL,
    ],
)
def test_a_piece_that_cannot_be_followed_is_told(tmp_path: Path, piece: bytes) -> None:
    reading = read_checkpoint(hostile.write_dcp(tmp_path / "dcp", [piece]))
    assert "__0_0.distcp" in reading.unfollowed


def test_a_second_pickle_of_an_archive_is_followed(tmp_path: Path) -> None:
    two = hostile.zip_of({"b/data.pkl": hostile.PLAIN, "a/DATA.PKL": hostile.EVIL})
    assert CALLS in dangers(read_checkpoint(hostile.write_dcp(tmp_path / "dcp", [two])))


def test_the_list_of_storages_is_unpickled_too(tmp_path: Path, read: Read) -> None:
    piece = hostile.legacy(hostile.PLAIN, hostile.EVIL)
    assert dangers(read_checkpoint(hostile.write_dcp(tmp_path / "dcp", [piece]))) == [CALLS]
    call = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<L", len(piece)) + piece
    assert CALLS in dangers(read(b"\x80\x03" + call + b"\x85R."))


@pytest.mark.parametrize(
    "place",
    [
        hostile.info(
            "__0_0.distcp", 0, 4, transform_descriptors=b"](" + hostile.text("zstd") + b"e"
        ),
        hostile.info("__0_0.distcp", -4, 4),
        hostile.info("__0_0.distcp", 0, 1 << 40),
        hostile.instance("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
        hostile.instance("torch.distributed.checkpoint.filesystem", "_Other", relative_path=b"N"),
        b"N",
    ],
)
def test_metadata_that_say_otherwise_where_a_piece_lies(tmp_path: Path, place: bytes) -> None:
    folder = hostile.write_dcp(tmp_path / "dcp", [hostile.saved(hostile.PLAIN)])
    (folder / ".metadata").write_bytes(hostile.metadata([place]))
    assert read_checkpoint(folder).unfollowed


def test_where_a_piece_lies_cannot_be_changed_unseen(tmp_path: Path) -> None:
    good, evil = hostile.saved(hostile.PLAIN), hostile.saved(hostile.EVIL)
    folder = hostile.write_dcp(tmp_path / "dcp", [good, evil])
    where = hostile.info("__0_0.distcp", len(good), len(evil))
    # The dict of the object is changed after the object has it: PUT, BUILD, GET, SETITEM, POP.
    late = where.replace(b"}(", b"}q\x63(")[:-1] + (
        b"bh\x63" + hostile.text("offset") + hostile.number(0) + b"s0"
    )
    again = where + b"}(" + hostile.text("offset") + hostile.number(0) + b"ub"
    for changed in (late, again):
        (folder / ".metadata").write_bytes(hostile.metadata([changed]))
        reading = read_checkpoint(folder)
        assert dangers(reading) or reading.unfollowed, changed


def test_metadata_of_another_class_are_told(tmp_path: Path) -> None:
    folder = hostile.write_dcp(tmp_path / "dcp", [hostile.saved(hostile.EVIL)])
    path = folder / ".metadata"
    path.write_bytes(path.read_bytes().replace(b"\nMetadata\n", b"\nOther\n"))
    assert read_checkpoint(folder).unfollowed


def test_every_shard_is_looked_for(tmp_path: Path) -> None:
    folder = tmp_path / "dcp"
    folder.mkdir()
    piece = hostile.saved(hostile.TENSOR)
    for number in range(150):
        if number != 140:
            (folder / f"__{number}_0.distcp").write_bytes(piece)
    places = [hostile.info(f"__{number}_0.distcp", 0, len(piece)) for number in range(150)]
    (folder / ".metadata").write_bytes(hostile.metadata(places))
    assert read_checkpoint(folder).defects == (
        "its file '__140_0.distcp' is missing, with 1 pieces",
    )


def test_of_more_pieces_than_are_read_nothing_is_known(tmp_path: Path) -> None:
    folder = hostile.write_dcp(tmp_path / "dcp", [hostile.saved(hostile.PLAIN)] * 5)
    assert "more checkpoints" in read_checkpoint(folder, Limits(pieces=4)).incomplete
    assert "files" in read_checkpoint(folder, Limits(records=2)).incomplete
    assert known(read_checkpoint(folder, Limits(pieces=5)))


def test_shards_that_are_links_are_followed(tmp_path: Path) -> None:
    folder = hostile.write_dcp(tmp_path / "dcp", [hostile.saved(hostile.PLAIN)])
    shard = folder / "__0_0.distcp"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    assert (read_checkpoint(folder).defects, known(read_checkpoint(folder))) == ((), True)
    shard.unlink()
    os.mkfifo(shard)
    assert read_checkpoint(folder).unfollowed


# Programs


LOOSE = {"serialized_exported_program.json": b"{}", "version": b"8.2"}


def archive(**payload: object) -> dict[str, bytes]:
    config = {"config": {"w": {"path_name": "weight_0", "tensor_meta": {"dtype": 7}, **payload}}}
    return {
        "p/archive_format": b"pt2",
        "p/models/model.json": b"{}",
        "p/data/weights/model_weights_config.json": json.dumps(config).encode(),
        "p/data/weights/weight_0": bytes(4),
    }


@pytest.mark.parametrize(
    "records",
    [
        LOOSE | {"serialized_constants.pt": hostile.legacy(hostile.EVIL)},
        LOOSE | {"serialized_constants.pt": hostile.saved(hostile.EVIL)},
        LOOSE | {"serialized_state_dict.json": hostile.saved(hostile.EVIL)},
        LOOSE | {"serialized_constants.pt": hostile.legacy(hostile.PLAIN, hostile.EVIL)},
        archive(use_pickle=True) | {"p/data/weights/weight_0": hostile.saved(hostile.EVIL)},
        archive(use_pickle=1) | {"p/data/weights/weight_0": hostile.legacy(hostile.EVIL)},
        archive() | {"p/data/constants/opaque_obj_0": hostile.EVIL},
        archive(path_name="opaque_obj_0") | {"p/data/weights/opaque_obj_0": hostile.EVIL},
        archive() | {"p/data/other": hostile.EVIL},
    ],
)
def test_every_record_of_a_program_is_followed(read: Read, records: dict[str, bytes]) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        reading = read(hostile.zip_of(records, method))
        assert reading.format is Format.EXPORT
        assert CALLS in dangers(reading)


@pytest.mark.parametrize(
    "records",
    [
        LOOSE | {"serialized_constants.pt": b"something"},
        LOOSE | {"serialized_constants.pt": hostile.saved(hostile.PLAIN)[:-30]},
        archive(use_pickle=True) | {"p/data/weights/weight_0": b"something"},
        archive() | {"p/data/weights/weight_1": bytes(4)},
        archive() | {"p/data/weights/model_weights_config.json": b"{"},
    ],
)
def test_a_record_of_an_unknown_kind_is_told(read: Read, records: dict[str, bytes]) -> None:
    assert "record" in read(hostile.zip_of(records)).unfollowed


def test_machine_code_in_a_program_is_a_danger(read: Read) -> None:
    reading = read(hostile.zip_of(archive() | {"p/data/aotinductor/model/a.so": b"\x7fELF"}))
    assert dangers(reading) == ["data/aotinductor/model/a.so"]


@pytest.mark.parametrize(
    "records",
    [
        LOOSE | {"serialized_constants.pt": hostile.saved(hostile.PLAIN)},
        archive() | {"p/extra/notes.txt": b"anything", "p/.data/version": b"6\n"},
        archive(use_pickle=True) | {"p/data/weights/weight_0": hostile.saved(hostile.TENSOR)},
    ],
)
def test_honest_programs_are_known(read: Read, records: dict[str, bytes]) -> None:
    reading = read(hostile.zip_of(records))
    assert (reading.defects, dangers(reading), known(reading)) == ((), [], True)


# Archives, pickles and tar archives


def test_names_that_reach_through_attributes_are_dangers(read: Read) -> None:
    for module, name in (("torch.serialization", "os.system"), ("random", "_os.system")):
        looked_up = hostile.text(module) + hostile.text(name)
        reading = read(hostile.saved(b"\x80\x04" + looked_up + b"\x93X\x01\0\0\0x\x85R."))
        assert dangers(reading) == [f"{module}.{name}"]


def test_a_further_pickle_of_an_archive_is_followed(read: Read) -> None:
    reading = read(
        hostile.zip_of(
            {
                "b/version": b"3\n",
                "a/data.pkl": hostile.PLAIN,
                "a/version": b"3\n",
                "b/data.pkl": hostile.EVIL,
            }
        )
    )
    assert dangers(reading) == ["b/data.pkl", CALLS]
    other_case = read(hostile.zip_of({"a/data.pkl": hostile.PLAIN, "a/Data.pkl": hostile.EVIL}))
    assert CALLS in dangers(other_case)


def test_a_magic_number_that_comes_late_is_one(read: Read) -> None:
    late = b"\x80\x02" + b"N0" * 100 + hostile.MAGIC[2:]
    rest = hostile.legacy(hostile.EVIL)[len(hostile.MAGIC) :]
    assert dangers(read(late + rest)) == [CALLS]
    called = b"\x80\x02cbuiltins\nint\n" + hostile.text("119547037146038801333356") + b"\x85R."
    assert read(called + rest).unfollowed


def test_a_legacy_file_that_is_a_tar_archive_too(read: Read) -> None:
    honest = hostile.legacy(hostile.PLAIN) + bytes(512)
    assert known(read(honest))
    head = bytearray(honest[:512].ljust(512, b"\0"))
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    assert "tar archive" in read(bytes(head) + bytes(512)).unfollowed
    # Python takes it for one.
    assert tarfile.TarInfo.frombuf(bytes(head), "utf-8", "surrogateescape").size == 0
