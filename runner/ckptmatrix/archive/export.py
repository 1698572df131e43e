"""Programs of ``torch.export``: the loose zip of torch 2.1 to 2.7, and the archive since.

Records: ``torch/export/__init__.py`` and ``torch/export/pt2_archive/constants.py``; what its JSON
holds: ``torch/_export/serde/schema.py``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ckptmatrix.archive.reading import TensorEntry
from ckptmatrix.archive.streams import follow_stream, open_inner
from ckptmatrix.archive.zip_directory import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.records import Records

__all__ = ["is_export", "read_export"]

_PROGRAM: Final = "serialized_exported_program.json"
#: Records that are read as text.
_TEXTS: Final = ("version", "archive_format", "archive_version", "byteorder", ".format_version")
_TEXT_FOLDERS: Final = (".data/", "extra/", "extra_files/")
_PAYLOADS: Final = ("data/weights/", "data/constants/")
#: What AOTInductor compiled.
_NATIVE: Final = "data/aotinductor/"
#: Records of constants that are no tensors: unpickled whatever the JSON says.
_OBJECTS: Final = ("custom_obj_", "opaque_obj_")
#: ``ScalarType`` of the schema.
_SCALAR_TYPES: Final = {
    1: "torch.uint8",
    2: "torch.int8",
    3: "torch.int16",
    4: "torch.int32",
    5: "torch.int64",
    6: "torch.float16",
    7: "torch.float32",
    8: "torch.float64",
    9: "torch.complex32",
    10: "torch.complex64",
    11: "torch.complex128",
    12: "torch.bool",
    13: "torch.bfloat16",
    28: "torch.uint16",
    29: "torch.float8_e4m3fn",
    30: "torch.float8_e5m2",
    31: "torch.float8_e4m3fnuz",
    32: "torch.float8_e5m2fnuz",
}


def is_export(records: Records) -> bool:
    """Whether an archive is one of ``torch.export``."""
    return (
        _PROGRAM in records
        or "archive_format" in records
        or any(name.startswith("models/") and name.endswith(".json") for name in records.entries)
    )


def read_export(records: Records, draft: Draft, read_saved: Callable[..., None]) -> None:
    """Read the program's JSON, its weights, and what it has beside them.

    Args:
        records: The archive.
        draft: Where what is found is put down.
        read_saved: Reads an archive of ``torch.save`` that lies in this one.
    """
    draft.root = "torch.export.exported_program.ExportedProgram"
    if _PROGRAM in records:
        draft.say("layout", "loose records, as torch.export.save wrote before torch 2.8")
        _describe_program(records, _PROGRAM, draft)
    else:
        draft.say("layout", f"archive {records.text('archive_format')}")
        draft.say("archive version", records.text("archive_version"))
    known = {_PROGRAM, *_TEXTS}
    raw: set[str] = set()
    pickled: set[str] = set()
    for name in records.entries:
        if name.startswith("models/") and name.endswith(".json"):
            _describe_program(records, name, draft)
        elif name.endswith("_config.json") and name.startswith(_PAYLOADS):
            _describe_weights(records, name, draft, raw, pickled)
        else:
            continue
        known.add(name)
    raw -= pickled
    for name in records.entries:
        if name not in known and name not in raw and not name.startswith(_TEXT_FOLDERS):
            _read_record(records, name, draft, read_saved)


def _read_record(
    records: Records, name: str, draft: Draft, read_saved: Callable[..., None]
) -> None:
    """Follow what may be unpickled: whatever is neither JSON, nor text, nor bytes of tensors."""
    if name.startswith(_NATIVE):
        draft.danger(name, "machine code, or what it is made of, which loading it runs", "code")
        return
    if name.endswith("/"):
        return
    opened = records.open(name, draft.limits.record_bytes)
    if isinstance(opened, str):
        draft.lose(opened)
    elif name.endswith(".pt") and opened.read(0, len(LOCAL)) == LOCAL:
        inner = open_inner(opened, draft, f"record {name}")
        if inner is not None:
            inner.check(draft)
            read_saved(inner, draft, main=False, prefix=name)
    else:
        follow_stream(opened, draft, f"record {name}")


def _json(records: Records, name: str, draft: Draft) -> Any:  # noqa: ANN401 - JSON
    data = records.small(name)
    if data is None:
        draft.lose(f"record {name} cannot be read")
        return None
    if len(data) < records.entries[name].size:
        draft.stop(f"record {name} has {records.entries[name].size:,} bytes")
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        draft.defect(f"record {name} is no JSON")
        draft.lose(f"record {name} is no JSON")
        return None


def _describe_program(records: Records, name: str, draft: Draft) -> None:
    program = _json(records, name, draft)
    if not isinstance(program, dict):
        return
    match program.get("schema_version"):
        case {"major": int() as major, "minor": int() as minor}:
            draft.say("schema version", f"{major}.{minor}")
            draft.version = draft.version or f"{major}.{minor}"
        case int() as major:
            draft.say("schema version", str(major))
        case _:
            pass
    if isinstance(written := program.get("torch_version"), str):
        draft.say("torch version", written[:100])
    match program.get("opset_version"):
        case {"aten": int() as opset}:
            draft.say("opset version", str(opset))
        case _:
            pass


def _describe_weights(
    records: Records, name: str, draft: Draft, raw: set[str], pickled: set[str]
) -> None:
    """Put down tensors, and names of records: of their bytes, and of what is unpickled."""
    folder = name.rpartition("/")[0]
    match _json(records, name, draft):
        case {"config": dict() as config}:
            pass
        case _:
            return
    for key, fields in config.items():
        if isinstance(fields, dict) and isinstance(file := fields.get("path_name"), str):
            record = f"{folder}/{file}"
            bare = isinstance(fields.get("tensor_meta"), dict) and not fields.get("use_pickle")
            (raw if bare and not file.startswith(_OBJECTS) else pickled).add(record)
        match fields:
            case {"path_name": str() as file, "tensor_meta": dict() as meta}:
                draft.tensor_count += 1
                record = f"{folder}/{file}"
                if record not in records:
                    draft.defect(f"the bytes of {key[:100]!a} are missing: no record {record!a}")
                if len(draft.tensors) < draft.limits.tensors:
                    draft.tensors.append(_weight(key, file, meta))
            case _:
                continue


def _weight(key: str, file: str, meta: dict[str, Any]) -> TensorEntry:
    sizes = meta.get("sizes")
    shape = [
        each["as_int"]
        for each in (sizes if isinstance(sizes, list) else [])
        if isinstance(each, dict) and type(each.get("as_int")) is int
    ]
    grad = meta.get("requires_grad")
    device = meta.get("device")
    kind = device.get("type") if isinstance(device, dict) else None
    dtype = meta.get("dtype")
    known = _SCALAR_TYPES.get(dtype) if isinstance(dtype, int) else None
    return TensorEntry(
        path=f"[{key[:200]!a}]",
        dtype=known or f"type {str(dtype)[:50]}",
        shape=tuple(shape),
        device=kind[:50] if isinstance(kind, str) else "cpu",
        storage=file[:200],
        requires_grad=grad if isinstance(grad, bool) else None,
    )
