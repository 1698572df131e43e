"""What is predicted from how something is loaded: the memory there is, what the loader is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.archive.reading import Format, Reading
from ckptmatrix.words import Mode, OpenedAs, Reason
from readings import STATE_DICT, storage

if TYPE_CHECKING:
    from readings import File, Told

MIB = 1 << 20


def holding(file: File, *sizes: int, names: tuple[str, ...] = STATE_DICT, **fields: Any) -> Reading:
    """A file with storages of so many bytes."""
    return file(
        *names,
        bytes=sum(sizes) + 1_000,
        storages=tuple(storage("cpu", size) for size in sizes),
        tensor_bytes=sum(sizes),
        **fields,
    )


def room(size: int | None, **conditions: Any) -> dict[str, Any]:
    return {"memory_bytes": size, **conditions}


@pytest.mark.parametrize("kind", [Format.ZIP, Format.LEGACY, Format.SAFETENSORS, Format.DCP])
def test_all_storages_are_held_at_once(kind: Format, file: File, told: Told) -> None:
    reading = holding(file, 20 * MIB, 20 * MIB, format=kind)
    prediction = told(reading, "1.7.1", Mode.PLAIN, loading=room(32 * MIB))
    assert prediction.reason is Reason.OUT_OF_MEMORY
    assert "41,943,040 bytes, and there is room for 33,554,432" in prediction.why
    assert told(reading, "1.7.1", Mode.PLAIN, loading=room(40 * MIB)).reason is None
    assert told(reading, "1.7.1", Mode.PLAIN, loading=room(None)).reason is None


def test_a_program_and_its_storages_are_read_by_a_loader_of_its_own(file: File, told: Told) -> None:
    program = holding(file, 64 * MIB, format=Format.TORCHSCRIPT)
    assert told(program, "2.6.0", Mode.MAPPED, loading=room(MIB)).reason is Reason.OUT_OF_MEMORY


def test_a_mapping_is_as_large_as_the_file(file: File, told: Told) -> None:
    reading = holding(file, MIB)
    mmap = room(MIB)
    assert told(reading, "2.6.0", Mode.MMAP, loading=mmap).reason is Reason.OUT_OF_MEMORY
    assert told(reading, "2.6.0", Mode.MAPPED, loading=mmap).reason is None
    assert told(reading, "2.6.0", Mode.MMAP, loading=room(MIB + 1_000)).reason is None
    assert told(reading, "1.12.1", Mode.MMAP, loading=mmap).reason is Reason.MODE_MISSING


def test_what_is_on_no_device_or_on_another_takes_no_room(file: File, told: Told) -> None:
    nowhere = (storage("meta", 64 * MIB),)
    meta = file(*STATE_DICT, storages=nowhere, tensor_bytes=64 * MIB)
    assert told(meta, "2.6.0", loading=room(MIB)).reason is None
    large = holding(file, 64 * MIB)
    assert told(large, "2.6.0", loading=room(MIB, device="cuda:0")).reason is None


def test_a_refusal_comes_before_storages_are_read_and_memory_runs_out_before_a_later_one(
    file: File, told: Told
) -> None:
    before = holding(file, 64 * MIB, names=("mine.Net", *STATE_DICT))
    after = holding(file, 64 * MIB, names=(*STATE_DICT, "mine.Net"))
    small = room(32 * MIB)
    assert told(before, "2.6.0", Mode.PLAIN, loading=small).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(after, "2.6.0", Mode.PLAIN, loading=small).reason is Reason.OUT_OF_MEMORY
    for reading in (before, after):
        assert told(reading, "2.6.0", Mode.MMAP, loading=small).reason is Reason.OUT_OF_MEMORY
    many = holding(file, 20 * MIB, 20 * MIB, names=(*STATE_DICT, "mine.Net"))
    assert told(many, "2.6.0", Mode.PLAIN, loading=small).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_what_is_unreadable_takes_no_room(file: File, told: Told) -> None:
    newer = holding(file, 64 * MIB, version="99")
    lost = holding(file, 64 * MIB, defects=("it has no directory at its end",))
    for mode in (Mode.TRUSTED, Mode.MMAP):
        assert told(newer, "2.6.0", mode, loading=room(MIB)).reason is Reason.FORMAT_TOO_NEW
        assert told(lost, "2.6.0", mode, loading=room(MIB)).reason is Reason.FILE_CORRUPT


@pytest.mark.parametrize("given", [OpenedAs.FILE, OpenedAs.BUFFER])
def test_only_a_path_can_be_mapped(given: OpenedAs, file: File, told: Told) -> None:
    reading = file(*STATE_DICT)
    conditions = {"opened_as": given}
    prediction = told(reading, "2.6.0", Mode.MMAP, loading=conditions)
    assert prediction.reason is Reason.FORMAT_UNSUPPORTED
    assert f"given a {given}" in prediction.why
    assert told(reading, "2.6.0", Mode.MMAP, loading=room(1, **conditions)) == prediction
    assert told(reading, "1.12.1", Mode.MMAP, loading=conditions).reason is Reason.MODE_MISSING
    refused = file("mine.Net")
    assert told(refused, "2.6.0", Mode.MMAP, loading=conditions) == prediction
    for mode in (Mode.PLAIN, Mode.MAPPED):
        assert told(reading, "2.6.0", mode, loading=conditions).reason is None


def test_a_buffer_is_held_beside_what_is_in_it(file: File, told: Told) -> None:
    reading = holding(file, 20 * MIB)
    for given, reason in ((OpenedAs.FILE, None), (OpenedAs.BUFFER, Reason.OUT_OF_MEMORY)):
        conditions = room(32 * MIB, opened_as=given)
        assert told(reading, "2.6.0", Mode.PLAIN, loading=conditions).reason is reason


@pytest.mark.parametrize("torch", ["1.4.0", "2.6.0"])
def test_a_stream_cannot_be_rewound_whatever_is_in_it(torch: str, file: File, told: Told) -> None:
    conditions = {"opened_as": OpenedAs.STREAM}
    for reading in (file(*STATE_DICT), Reading(format=Format.EMPTY, bytes=0)):
        prediction = told(reading, torch, Mode.PLAIN, loading=conditions)
        assert prediction.reason is Reason.FORMAT_UNSUPPORTED


def test_a_packed_record_that_is_mapped_lies_past_the_end(file: File, told: Told) -> None:
    storages = (storage("cpu", 40), storage("cpu", 2 * MIB))
    packed = file(*STATE_DICT, bytes=3_000, storages=storages, tensor_bytes=2 * MIB + 40)
    prediction = told(packed, "2.6.0", Mode.MMAP)
    assert prediction.reason is Reason.FILE_CORRUPT
    assert "a storage of 2,097,152 bytes is looked for in a file of 3,000" in prediction.why
    assert told(packed, "2.6.0", Mode.MAPPED).reason is None
    # One that still lies in the file has other values, which is no failure.
    assert told(holding(file, 500, 600), "2.6.0", Mode.MMAP).reason is None
    nowhere = file(*STATE_DICT, bytes=3_000, storages=(storage("meta", 2 * MIB),))
    assert told(nowhere, "2.6.0", Mode.MMAP).reason is None
