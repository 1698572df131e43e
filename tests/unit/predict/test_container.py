"""What is met before a pickle is looked into: format, version, damage, the loader itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import Format, Reading
from ckptmatrix.words import Mode, Reason
from readings import STATE_DICT, storage

if TYPE_CHECKING:
    from readings import File, Told


@pytest.mark.parametrize(
    ("version", "torch", "fails"),
    [
        ("3", "1.4.0", True),
        ("3", "1.5.1", False),
        ("2", "1.4.0", False),
        ("5", "1.5.1", True),
        ("10", "1.11.0", True),
        ("10", "1.12.1", False),
        ("", "1.4.0", False),
        ("newest", "1.4.0", False),
    ],
)
def test_a_newer_version_of_the_archive(
    version: str,
    torch: str,
    fails: bool,  # noqa: FBT001 - a table of cases
    file: File,
    told: Told,
) -> None:
    for kind in (Format.ZIP, Format.TORCHSCRIPT):
        prediction = told(file(*STATE_DICT, version=version, format=kind), torch, Mode.PLAIN)
        assert prediction.reason is (Reason.FORMAT_TOO_NEW if fails else None)
        assert (f"version {version}" in prediction.why) is fails


@pytest.mark.parametrize(
    ("kind", "note", "reason"),
    [
        (Format.EMPTY, "", Reason.NOT_A_CHECKPOINT),
        (Format.HTML, "a web page", Reason.NOT_A_CHECKPOINT),
        (Format.LFS_POINTER, "a Git LFS pointer", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "a file of text", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "a zip archive that torch did not write", Reason.FORMAT_UNKNOWN),
        (Format.OTHER, "a gzip archive: unpack it first", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "an HDF5 file, as Keras writes them", Reason.FILE_CORRUPT),
        (Format.UNKNOWN, "", Reason.FILE_CORRUPT),
    ],
)
def test_what_is_no_checkpoint(kind: Format, note: str, reason: Reason, told: Told) -> None:
    reading = Reading(format=kind, bytes=10, note=note)
    assert told(reading, "2.6.0").reason is reason
    # A zip archive is opened before it is mapped.
    zipped = reason is Reason.FORMAT_UNKNOWN
    mapped = Reason.FORMAT_UNKNOWN if zipped else Reason.FORMAT_UNSUPPORTED
    assert told(reading, "2.6.0", Mode.MMAP).reason is mapped


def test_the_legacy_format_has_neither_memory_mapping_nor_a_list_of_its_globals(
    file: File, told: Told
) -> None:
    legacy = file(*STATE_DICT, format=Format.LEGACY, version="1001")
    assert told(legacy, "2.6.0", Mode.ALLOWLISTED).reason is Reason.FORMAT_UNSUPPORTED
    assert told(legacy, "2.6.0", Mode.MMAP).reason is Reason.FORMAT_UNSUPPORTED
    assert told(legacy, "1.4.0", Mode.PLAIN).reason is None


def test_a_plain_pickle_is_for_pickle_and_not_for_torch(file: File, told: Told) -> None:
    pickle = file("collections.OrderedDict", format=Format.PICKLE)
    assert told(pickle, "2.6.0", Mode.PLAIN).reason is None
    assert told(pickle, "2.6.0", Mode.TRUSTED).reason is Reason.FORMAT_UNKNOWN
    gone = file("torch.tensor.Thing", format=Format.PICKLE)
    assert told(gone, "2.6.0", Mode.PLAIN).reason is Reason.MISSING_GLOBAL


def test_storages_of_the_first_archives_are_not_found(file: File, told: Told) -> None:
    first = file(*STATE_DICT, version="1", storages=(storage("cpu"),))
    assert told(first, "1.4.0").reason is None
    assert told(first, "1.5.1").reason is Reason.FILE_CORRUPT
    assert told(file("collections.OrderedDict", version="1"), "1.5.1").reason is None


@pytest.mark.parametrize(
    "defect",
    [
        "its records are not in one folder of the archive, which torch insists on",
        "it has no record version, without which torch does not read it",
    ],
)
def test_an_archive_packed_anew_is_not_taken_for_one(defect: str, file: File, told: Told) -> None:
    assert told(file(*STATE_DICT, defects=(defect,)), "2.6.0").reason is Reason.FORMAT_UNKNOWN


@pytest.mark.parametrize(
    ("mode", "torch", "lacks"),
    [
        (Mode.RESTRICTED, "1.12.1", "weights_only"),
        (Mode.MMAP, "2.0.1", "mmap"),
        (Mode.ALLOWLISTED, "2.4.1", "way to declare safe what a file asks for"),
    ],
)
def test_a_mode_that_a_release_does_not_have(
    mode: Mode, torch: str, lacks: str, file: File, told: Told
) -> None:
    prediction = told(file(*STATE_DICT), torch, mode)
    assert prediction.reason is Reason.MODE_MISSING
    assert prediction.why == f"torch.load has no {lacks}"


def test_damage_is_met_after_the_version_but_a_lost_directory_before(
    file: File, told: Told
) -> None:
    damaged = file(*STATE_DICT, defects=("data.pkl: byte 117 is no pickle opcode",))
    cut = file(*STATE_DICT, defects=("the zip archive has no directory at its end",))
    assert told(damaged, "1.4.0").reason is Reason.FORMAT_TOO_NEW
    assert told(cut, "1.4.0").reason is Reason.FILE_CORRUPT
    # It looks no further than the first letter.
    assert told(cut, "1.2.0").reason is Reason.FORMAT_TOO_NEW
    assert told(damaged, "2.6.0").reason is Reason.FILE_CORRUPT


@pytest.mark.parametrize(
    "defect",
    [
        "record data/0 is damaged: its bytes do not match their checksum",
        "7 bytes follow the end of the zip archive",
    ],
)
def test_what_torch_does_not_look_at(defect: str, file: File, told: Told) -> None:
    assert told(file(*STATE_DICT, defects=(defect,)), "2.6.0").reason is None


def test_the_mark_of_the_byte_order_is_read_since_2_1(file: File, told: Told) -> None:
    changed = file(*STATE_DICT, defects=("its record byteorder says 'middle', which is none",))
    assert told(changed, "2.0.1").reason is None
    assert told(changed, "2.1.0").reason is Reason.FILE_CORRUPT


def test_nobody_reads_protocol_0(file: File, told: Told) -> None:
    named = file(*STATE_DICT, defects=("its storages are named by texts, as in protocol 0",))
    assert told(named, "2.6.0").reason is Reason.LOAD_ERROR
    assert told(named, "2.13.0").reason is Reason.PICKLE_PROTOCOL
    assert told(named, "2.13.0", Mode.RESTRICTED).reason is Reason.PICKLE_PROTOCOL


def test_a_package_has_the_version_of_its_archive(file: File, told: Told) -> None:
    package = file(format=Format.PACKAGE, version="6")
    assert told(package, "1.8.1", Mode.PLAIN).reason is Reason.FORMAT_TOO_NEW
    assert told(package, "1.9.0", Mode.PLAIN).reason is None


@pytest.mark.parametrize(
    ("details", "torch", "reason"),
    [
        ({"attributes without a value": "yes"}, "1.7.1", Reason.MISSING_GLOBAL),
        (
            {"attributes without a value": "yes", "debug information": "with a table of texts"},
            "1.7.1",
            Reason.CRASHED,
        ),
        ({"attributes without a value": "yes"}, "1.8.1", Reason.MISSING_GLOBAL),
        ({"attributes without a value": "yes", "debug information": "with"}, "1.9.0", None),
        ({"debug information": "with a table of texts"}, "1.7.1", None),
    ],
)
def test_torchscript_with_a_type_that_a_release_does_not_know(
    details: dict[str, str], torch: str, reason: Reason | None, file: File, told: Told
) -> None:
    script = file(format=Format.TORCHSCRIPT, details=details)
    assert told(script, torch, Mode.PLAIN).reason is reason


@pytest.mark.parametrize(
    ("layout", "version", "torch", "reason"),
    [
        ("archive pt2", "8.14", "2.7.1", Reason.FORMAT_TOO_NEW),
        ("archive pt2", "8.14", "2.8.0", None),
        ("loose records", "7.3", "2.5.1", None),
        ("loose records", "7.3", "2.6.0", Reason.FORMAT_UNSUPPORTED),
        ("loose records", "8.2", "2.13.0", None),
        ("loose records", "", "2.6.0", None),
    ],
)
def test_exported_programs_have_one_number_that_must_be_the_same(
    layout: str, version: str, torch: str, reason: Reason | None, told: Told
) -> None:
    program = Reading(format=Format.EXPORT, bytes=1, version=version, details={"layout": layout})
    assert told(program, torch, Mode.PLAIN).reason is reason


@pytest.mark.parametrize(("version", "reason"), [("0", None), ("99", Reason.FORMAT_UNSUPPORTED)])
def test_the_archive_of_exported_programs_has_a_version_of_its_own(
    version: str, reason: Reason | None, told: Told
) -> None:
    details = {"layout": "archive pt2", "archive version": version}
    program = Reading(format=Format.EXPORT, bytes=1, version="8.20", details=details)
    assert told(program, "2.13.0", Mode.PLAIN).reason is reason


def test_pickle_protocol_5_needs_python_3_8(file: File, told: Told) -> None:
    new = file(*STATE_DICT, protocol=5, version="2")
    assert told(new, "1.4.0", python="3.7.9").reason is Reason.PICKLE_PROTOCOL
    assert told(new, "1.4.0", python="3.8.1").reason is None
