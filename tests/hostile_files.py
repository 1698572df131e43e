"""Files of torch that are made without torch, so that they can do what honest ones do not."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
#: Unpickling it would call something.
EVIL = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R."
PLAIN = b"\x80\x02}X\x05\0\0\0epochK\x03s."
#: A tensor of one element in storage 0.
TENSOR = (
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    b"X\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0K\x01\x85K\x01\x85\x89NtR."
)
_METADATA = "torch.distributed.checkpoint.metadata"
_FILESYSTEM = "torch.distributed.checkpoint.filesystem"


def zip_of(records: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return made.getvalue()


def saved(pickle: bytes) -> bytes:
    """What torch.save writes since 1.6."""
    return zip_of(
        {"archive/data.pkl": pickle, "archive/data/0": bytes(4), "archive/version": b"3\n"}
    )


def legacy(pickle: bytes, keys: bytes = b"\x80\x02].") -> bytes:
    """What torch.save wrote before."""
    return MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + pickle + keys


def text(value: str) -> bytes:
    """A text in a pickle."""
    data = value.encode()
    return b"X" + struct.pack("<L", len(data)) + data


def number(value: int) -> bytes:
    """A number in a pickle."""
    return b"\x8a\x08" + struct.pack("<q", value)


def instance(module: str, name: str, **attributes: bytes) -> bytes:
    """An object whose attributes are pickled already."""
    state = b"".join(text(key) + value for key, value in attributes.items())
    return f"c{module}\n{name}\n".encode() + b")\x81}(" + state + b"ub"


def info(name: str, offset: int, length: int, **more: bytes) -> bytes:
    """Where a piece lies."""
    return instance(
        _FILESYSTEM,
        "_StorageInfo",
        relative_path=text(name),
        offset=number(offset),
        length=number(length),
        **more,
    )


def metadata(infos: Iterable[bytes]) -> bytes:
    """A ``.metadata`` of objects that are no tensors."""
    entries, places = b"", b""
    for count, place in enumerate(infos):
        key = text(f"k{count}")
        entries += key + instance(_METADATA, "BytesStorageMetadata")
        places += instance(_METADATA, "MetadataIndex", fqn=key, offset=b"N", index=b"N") + place
    body = instance(
        _METADATA,
        "Metadata",
        state_dict_metadata=b"}(" + entries + b"u",
        planner_data=b"N",
        storage_data=b"}(" + places + b"u",
    )
    return b"\x80\x02" + body + b"."


def write_dcp(folder: Path, pieces: Iterable[bytes]) -> Path:
    """A folder of torch.distributed.checkpoint with one shard."""
    folder.mkdir()
    places, position = [], 0
    with (folder / "__0_0.distcp").open("wb") as shard:
        for piece in pieces:
            places.append(info("__0_0.distcp", position, len(piece)))
            position += shard.write(piece)
    (folder / ".metadata").write_bytes(metadata(places))
    return folder
