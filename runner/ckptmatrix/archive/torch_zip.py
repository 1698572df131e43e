"""Zip archives of torch: ``torch.save``, TorchScript, ``torch.package``, ``torch.export``.

Which records each has: ``serialization.py``, ``csrc/jit/serialization/export_module.cpp`` and
``package/package_exporter.py`` of torch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ckptmatrix.archive.export import is_export, read_export
from ckptmatrix.archive.objects import describe_object, describe_storages
from ckptmatrix.archive.other import name_zip
from ckptmatrix.archive.reading import Format
from ckptmatrix.archive.records import Records
from ckptmatrix.archive.source import MemorySource
from ckptmatrix.archive.streams import main_pickles
from ckptmatrix.archive.zip_directory import read_directory

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.nodes import Node
    from ckptmatrix.archive.source import Source
    from ckptmatrix.archive.tensors import Storage

__all__ = ["read_zip"]

#: Folders below the top one in which storages lie, newest first: torch 1.4 wrote ``tensors/``.
_DATA = ("data/", "tensors/")
_PACKAGES_LISTED = 10
_SOURCES_READ = 1_000
#: An attribute that is None, as ``_is_full_backward_hook`` of every module since torch 1.8.
_NO_TYPE = re.compile(rb":\s{1,4}NoneType\b")
#: What debug information begins with since torch 1.12: pytorch#74869.
_STRING_TABLE = b"FORMAT_WITH_STRING_TABLE"


def read_zip(source: Source, draft: Draft) -> None:
    """Read what begins like a zip archive."""
    directory = read_directory(source, draft.limits)
    for defect in directory.defects:
        draft.defect(defect)
    if directory.incomplete:
        draft.stop(directory.incomplete)
    records = Records(source, directory, draft.limits, draft.room)
    records.look_for_oddities(draft)
    draft.format = _format(records)
    if draft.format is Format.UNKNOWN:
        name_zip(records, draft)
        return
    draft.records = frozenset(records.entries)
    records.check(draft)
    _labels(records, draft)
    match draft.format:
        case Format.TORCHSCRIPT:
            _read_script(records, draft)
        case Format.PACKAGE:
            _read_package(records, draft)
        case Format.EXPORT:
            read_export(records, draft, read_saved)
        case _:
            if not records.root:
                draft.defect(
                    "its records are not in one folder of the archive, which torch insists on: "
                    "it was packed by another program"
                )
            if "version" not in records and directory.whole:
                draft.defect("it has no record version, without which torch does not read it")
            read_saved(records, draft)


def _format(records: Records) -> Format:
    names = records.entries
    # The folder a torch archive was unpacked into may have been packed with folders around it.
    pickled = any(name == "data.pkl" or name.endswith("/data.pkl") for name in names)
    if is_export(records):
        return Format.EXPORT
    if "constants.pkl" in names and (pickled or any(name.startswith("code/") for name in names)):
        return Format.TORCHSCRIPT
    if ".data/extern_modules" in names or ("extern_modules" in names and not pickled):
        return Format.PACKAGE
    if pickled or (records.root and not records.directory.whole and "version" in names):
        return Format.ZIP
    return Format.UNKNOWN


def _labels(records: Records, draft: Draft) -> None:
    """Small records that say something about the archive."""
    draft.version = records.text("version") or records.text(".data/version")
    order = records.text("byteorder")
    if order in {"little", "big"}:
        draft.byteorder = "little" if order == "little" else "big"
    elif order:
        draft.defect(f"its record byteorder says {order!r}, which is none")
    for name, shown in (
        (".format_version", "format version"),
        (".storage_alignment", "storage alignment"),
        (".data/serialization_id", "serialization id"),
        (".data/python_version", "python version"),
    ):
        if name in records:
            draft.say(shown, records.text(name))


def read_saved(records: Records, draft: Draft, *, main: bool = True, prefix: str = "") -> None:
    """Read what ``torch.save`` put into an archive.

    Args:
        records: The archive.
        draft: Where what is found is put down.
        main: Whether it is the checkpoint itself, not a file inside it.
        prefix: What its tensors' paths begin with.
    """
    name = "data.pkl"
    if name not in records:
        name = next((each for each in records.entries if each.endswith("/data.pkl")), "")
    if not name:
        draft.defect("its record data.pkl is missing")
        return
    folder = name.removesuffix("data.pkl")
    _read_pickle(records, draft, name, main=main, prefix=prefix, folder=folder)
    # Which of several torch takes depends on its version.
    for other in main_pickles(records):
        if other != name:
            draft.danger(other, "a further pickle, which torch may take for the first", "odd")
            opened = records.open(other, draft.limits.pickle_bytes)
            if not isinstance(opened, str):
                draft.follow_aside(opened, 0, other)


def _read_pickle(
    records: Records, draft: Draft, name: str, *, main: bool, prefix: str, folder: str
) -> Node:
    opened = records.open(name, draft.limits.pickle_bytes)
    if isinstance(opened, str):
        draft.defect(opened)
        opened = MemorySource(records.small(name) or b"")
    since = len(draft.found.persistent)
    root, _ = draft.unpickle(opened, what=name)
    describe_object(draft, root, main=main, prefix=prefix)

    def present(storage: Storage) -> int | None:
        for data in _DATA:
            there = records.present(f"{folder}{data}{storage.key}")
            if there is not None:
                return there
        return None

    describe_storages(draft, present, since=since)
    return root


def _read_script(records: Records, draft: Draft) -> None:
    if "data.pkl" in records:
        _read_pickle(records, draft, "data.pkl", main=True, prefix="", folder="")
    else:
        draft.defect("its record data.pkl is missing")
    opened = records.open("constants.pkl", draft.limits.pickle_bytes)
    if isinstance(opened, str):
        draft.defect(opened)
    else:
        since = len(draft.found.persistent)
        constants, _ = draft.unpickle(opened, what="constants.pkl")
        describe_object(draft, constants, main=False, prefix="constants")
        describe_storages(
            draft,
            lambda storage: _first(
                records.present(f"constants/{storage.key}"), records.present(f"data/{storage.key}")
            ),
            since=since,
        )
    sources = [
        name for name in records.entries if name.startswith("code/") and name.endswith(".py")
    ]
    draft.say("code", f"{len(sources):,} files of TorchScript")
    if any(_NO_TYPE.search(records.small(name) or b"") for name in sources[:_SOURCES_READ]):
        draft.say("attributes without a value", "yes")
    debug = next((name for name in records.entries if name.endswith(".debug_pkl")), "")
    if debug and _STRING_TABLE in (records.small(debug) or b""):
        draft.say("debug information", "with a table of texts")
    if "bytecode.pkl" in records:
        opened = records.open("bytecode.pkl", draft.limits.pickle_bytes)
        if not isinstance(opened, str):
            bytecode, _ = draft.unpickle(opened, what="bytecode.pkl")
            if isinstance(bytecode, tuple) and bytecode and isinstance(bytecode[0], int):
                draft.say("bytecode version", str(bytecode[0]))


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _read_package(records: Records, draft: Draft) -> None:
    pickles = [name for name in records.entries if name.endswith(".pkl")]
    sources = [name for name in records.entries if name.endswith(".py")]
    for index, name in enumerate(pickles):
        opened = records.open(name, draft.limits.pickle_bytes)
        if isinstance(opened, str):
            draft.defect(opened)
            continue
        since = len(draft.found.persistent)
        root, _ = draft.unpickle(opened, what=name)
        only = len(pickles) == 1
        describe_object(draft, root, main=index == 0, prefix="" if only else name)
        describe_storages(
            draft, lambda storage: records.present(f".data/{storage.key}.storage"), since=since
        )
    draft.say("pickles", f"{len(pickles):,}")
    draft.say("code", f"{len(sources):,} files of Python")
    extern = (records.small(".data/extern_modules") or b"").split()
    if extern:
        names = [str(each[:100], "utf-8", "backslashreplace") for each in extern]
        more = f" and {len(names) - _PACKAGES_LISTED} more" if len(names) > _PACKAGES_LISTED else ""
        draft.say("imports from outside", ", ".join(names[:_PACKAGES_LISTED]) + more)
