"""Whether a release reads a file's kind and version at all, and whether the file is whole."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.archive.reading import Format
from ckptmatrix.predict.knowledge import read_table, table_of, within
from ckptmatrix.predict.memory import unmappable
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import parse_spans
from ckptmatrix.words import Mode, OpenedAs, Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.knowledge import Table
    from ckptmatrix.predict.loading import Loading
    from ckptmatrix.predict.spans import Span

__all__ = ["has_mmap", "named_by_texts", "reads_compressed_layouts", "unreadable"]

#: What no release looks at. torch compares no checksums: a file with a wrong one loads, with other
#: values. https://github.com/pytorch/pytorch/blob/main/third_party/miniz-3.0.2/README.md
_UNCHECKED = ("do not match their checksum", "follow the end of the zip archive")
#: What only releases that read the record look at.
_BYTEORDER = "its record byteorder says"
#: A defect of protocol 0, met where the pickle is followed.
_TEXT_IDS = "named by texts"
#: Without its directory an archive's version is not found; other damage is met after that.
_DIRECTORY = "directory"
#: Other files that are zip archives.
_ZIP = re.compile(r"\b(?:zip|NumPy archive|office|wheel|Java|app)\b")
#: Files of text, and gzip's, begin with no opcode of a pickle; archives of others lack records.
_OTHERS = (
    (re.compile(r"\b(?:text|JSON|XML|script|gzip)\b"), Reason.NOT_A_CHECKPOINT),
    (_ZIP, Reason.FORMAT_UNKNOWN),
)
#: A zip archive of torch's records that torch does not take for one.
_REPACKED = re.compile(r"not in one folder|no record version")
_NOT_ZIP = frozenset(
    {
        Format.LEGACY,
        Format.TAR,
        Format.PICKLE,
        Format.HTML,
        Format.LFS_POINTER,
        Format.EMPTY,
        Format.OTHER,
        Format.UNKNOWN,
    }
)


class _Rules(NamedTuple):
    file_versions: Table[int]
    zip: tuple[Span, ...]
    storages_found: dict[str, tuple[Span, ...]]
    mmap: tuple[Span, ...]
    byteorder: tuple[Span, ...]
    protocols: Table[int]
    compressed_layouts: tuple[Span, ...]
    dispatched: tuple[Span, ...]
    none_type: tuple[Span, ...]
    string_table: tuple[Span, ...]
    export_archive: tuple[Span, ...]
    export_archive_version: str
    export_schema: Table[int]
    says_text_ids: tuple[Span, ...]


@cache
def _rules() -> _Rules:
    table = read_table("formats")
    return _Rules(
        file_versions=table_of(table["file_versions"]),
        zip=parse_spans(table["zip"]),
        storages_found={
            version: parse_spans(span) for version, span in table["storages_found"].items()
        },
        mmap=parse_spans(table["mmap"]),
        byteorder=parse_spans(table["byteorder"]),
        protocols=table_of(table["protocols"]),
        compressed_layouts=parse_spans(table["compressed_layouts"]),
        dispatched=parse_spans(table["torchscript"]["dispatched"]),
        none_type=parse_spans(table["torchscript"]["none_type"]),
        string_table=parse_spans(table["torchscript"]["string_table"]),
        export_archive=parse_spans(table["export"]["archive"]),
        export_archive_version=str(table["export"]["archive_version"]),
        export_schema=table_of(table["export"]["schema"]),
        says_text_ids=parse_spans(table["says_text_ids"]),
    )


def has_mmap(consumer: Consumer) -> bool:
    """Whether ``torch.load`` has the parameter."""
    return within(_rules().mmap, consumer.torch)


def reads_compressed_layouts(consumer: Consumer) -> bool:
    """Whether sparse tensors of other layouts than COO are rebuilt."""
    return within(_rules().compressed_layouts, consumer.torch)


def named_by_texts(reading: Reading, consumer: Consumer) -> Prediction | None:
    """Why a file of pickle protocol 0 is read by no release."""
    if not any(_TEXT_IDS in each for each in reading.defects):
        return None
    says = within(_rules().says_text_ids, consumer.torch)
    return Prediction(
        reason=Reason.PICKLE_PROTOCOL if says else Reason.LOAD_ERROR,
        why="its storages are named by texts, as in pickle protocol 0",
    )


def unreadable(reading: Reading, consumer: Consumer, loading: Loading) -> Prediction | None:
    """Why a file fails before anything in its pickle is looked at.

    Args:
        reading: The file.
        consumer: The environment.
        loading: How it is loaded.
    """
    mode = loading.mode
    if loading.opened_as is OpenedAs.STREAM:
        return Prediction(
            reason=Reason.FORMAT_UNSUPPORTED, why="torch.load reads no stream that is not rewound"
        )
    if mode is Mode.ALLOWLISTED and reading.format in {Format.LEGACY, Format.TAR}:
        return Prediction(
            reason=Reason.FORMAT_UNSUPPORTED,
            why="what a file asks for is told of zip archives of torch.save alone",
        )
    zipped = reading.format is Format.OTHER and _ZIP.search(reading.note) is not None
    if mode is Mode.MMAP and reading.format in _NOT_ZIP and not zipped:
        return Prediction(
            reason=Reason.FORMAT_UNSUPPORTED, why="mmap=True reads zip archives of torch.save alone"
        )
    defects = [each for each in reading.defects if _is_met(each, consumer)]
    return (
        _of_kind(reading, mode)
        or _before_zip(reading, consumer)
        or _damage([each for each in defects if _DIRECTORY in each])
        or _repacked(defects)
        or _version(reading, consumer)
        or unmappable(reading, loading)
        or _damage(defects)
        or _program(reading, consumer, mode)
    )


def _is_met(defect: str, consumer: Consumer) -> bool:
    """Whether a release looks at what is wrong."""
    if defect.startswith(_BYTEORDER):
        return within(_rules().byteorder, consumer.torch)
    return not any(words in defect for words in (*_UNCHECKED, _TEXT_IDS))


def _of_kind(reading: Reading, mode: Mode) -> Prediction | None:
    match reading.format:
        case Format.EMPTY:
            return Prediction(reason=Reason.NOT_A_CHECKPOINT, why="the file is empty")
        case Format.HTML | Format.LFS_POINTER:
            return Prediction(
                reason=Reason.NOT_A_CHECKPOINT, why=f"it is no checkpoint: {reading.note}"
            )
        case Format.PICKLE if mode is not Mode.PLAIN:
            return Prediction(
                reason=Reason.FORMAT_UNKNOWN,
                why=f"it is no checkpoint: {reading.note or 'a pickle'}",
            )
        case Format.OTHER:
            known = (reason for words, reason in _OTHERS if words.search(reading.note))
            return Prediction(
                reason=next(known, Reason.FILE_CORRUPT),
                why=f"it is no checkpoint: {reading.note}",
            )
        case Format.UNKNOWN:
            return Prediction(reason=Reason.FILE_CORRUPT, why="it is no checkpoint that is known")
        case _:
            return None


def _before_zip(reading: Reading, consumer: Consumer) -> Prediction | None:
    if reading.format is not Format.ZIP or within(_rules().zip, consumer.torch):
        return None
    return Prediction(reason=Reason.FORMAT_TOO_NEW, why="this torch.load reads no zip archives")


def _repacked(defects: list[str]) -> Prediction | None:
    found = next((each for each in defects if _REPACKED.search(each)), None)
    return Prediction(reason=Reason.FORMAT_UNKNOWN, why=f"packed anew: {found}") if found else None


def _damage(defects: list[str]) -> Prediction | None:
    return Prediction(reason=Reason.FILE_CORRUPT, why=f"damaged: {defects[0]}") if defects else None


def _version(reading: Reading, consumer: Consumer) -> Prediction | None:
    rules = _rules()
    match reading.format:
        case Format.ZIP | Format.TORCHSCRIPT | Format.PACKAGE:
            found = rules.storages_found.get(reading.version)
            if (
                reading.format is Format.ZIP
                and reading.storages
                and found is not None
                and not within(found, consumer.torch)
            ):
                return Prediction(
                    reason=Reason.FILE_CORRUPT,
                    why=f"storages of an archive of version {reading.version} are not found",
                )
            most = rules.file_versions.at(consumer.torch)
            if most is not None and reading.version.isdecimal() and int(reading.version) > most:
                return Prediction(
                    reason=Reason.FORMAT_TOO_NEW,
                    why=f"the archive has version {reading.version}, and at most {most} is read",
                )
        case Format.EXPORT:
            return _export(reading, consumer)
        case _:
            pass
    highest = rules.protocols.at(consumer.python)
    if highest is not None and reading.protocol is not None and reading.protocol > highest:
        return Prediction(
            reason=Reason.PICKLE_PROTOCOL,
            why=f"it has pickle protocol {reading.protocol}, and at most {highest} is read",
        )
    return None


def _program(reading: Reading, consumer: Consumer, mode: Mode) -> Prediction | None:
    """TorchScript's code names a type that a release does not know.

    The debug information that newer releases write ends a release that does not read it when it
    wants to say where in the code an error is: its own error is raised where none may be.
    """
    rules = _rules()
    own = mode in {Mode.PLAIN, Mode.MAPPED}
    if (
        reading.format is Format.TORCHSCRIPT
        and not own
        and not within(rules.dispatched, consumer.torch)
    ):
        return Prediction(
            reason=Reason.MISSING_MODULE, why="this torch.load looks up its classes in Python"
        )
    if (
        reading.format is not Format.TORCHSCRIPT
        or "attributes without a value" not in reading.details
        or within(rules.none_type, consumer.torch)
    ):
        return None
    aborts = "debug information" in reading.details and not within(
        rules.string_table, consumer.torch
    )
    return Prediction(
        reason=Reason.CRASHED if aborts else Reason.MISSING_GLOBAL,
        why="its code has the type NoneType, which TorchScript does not know"
        + (", and saying so aborts: its debug information is of another form" * aborts),
    )


def _export(reading: Reading, consumer: Consumer) -> Prediction | None:
    rules = _rules()
    if "archive" in reading.details.get("layout", "").split()[:1]:
        if within(rules.export_archive, consumer.torch):
            version = reading.details.get("archive version", "")
            if version in {"", rules.export_archive_version}:
                return None
            return Prediction(
                reason=Reason.FORMAT_UNSUPPORTED,
                why=f"its archive has version {version}, and only "
                f"{rules.export_archive_version} is read",
            )
        return Prediction(
            reason=Reason.FORMAT_TOO_NEW, why="this torch.export.load does not know the archive"
        )
    ours = rules.export_schema.at(consumer.torch)
    major = reading.version.partition(".")[0]
    if ours is None or not major or major == str(ours):
        return None
    return Prediction(
        reason=Reason.FORMAT_UNSUPPORTED,
        why=f"it has schema version {reading.version}, and only {ours} is read",
    )
