"""What real torches wrote, compared with what those torches say is in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from archive_files import Archive, archives, folders
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading

ALL = archives()
FORMATS = {
    "export.pt2": Format.EXPORT,
    "package.pt": Format.PACKAGE,
    "script.pt": Format.TORCHSCRIPT,
    "dcp": Format.DCP,
    "plain.pkl": Format.PICKLE,
    "tied_legacy.pt": Format.LEGACY,
    "tied_zip.pt": Format.ZIP,
}
each = pytest.mark.parametrize("archive", ALL, ids=str)


def reading_of(archive: Archive) -> Reading:
    return read_checkpoint(archive.path)


def test_there_is_something_to_read() -> None:
    assert len(folders()) == 5
    assert len(ALL) > 50
    assert set(FORMATS) <= {archive.name for archive in ALL}


@each
def test_the_tensors_are_those_torch_says(archive: Archive) -> None:
    reading = reading_of(archive)
    found = {tensor.path: tensor for tensor in reading.tensors}
    weights = "" if archive.name != "export.pt2" else "serialized_state_dict.pt"
    for path, dtype, shape, requires_grad in archive.tensors:
        tensor = found.get(path) or found[weights + path]
        assert tensor.dtype == dtype
        if shape is not None:
            assert list(tensor.shape) == shape
        if tensor.requires_grad is not None and archive.name != "script.pt":
            assert tensor.requires_grad == requires_grad
    # An exported program also keeps its example inputs.
    extra = archive.name == "export.pt2"
    assert reading.tensor_count == len(archive.tensors) + extra


@each
def test_nothing_is_wrong_with_them(archive: Archive) -> None:
    reading = reading_of(archive)
    assert reading.defects == ()
    assert reading.incomplete == ""
    assert not [danger for danger in reading.dangers if danger.level != "code"]
    assert all(storage.present == storage.bytes for storage in reading.storages)


@each
def test_formats_are_told(archive: Archive) -> None:
    usual = Format.LEGACY if archive.torch == "1.4.0" else Format.ZIP
    assert reading_of(archive).format is FORMATS.get(archive.name, usual)


@each
def test_the_torch_that_wrote_it_is_enough_to_read_it(archive: Archive) -> None:
    written = Version(archive.torch)
    for requirement in reading_of(archive).requirements:
        if requirement.of == "torch":
            assert Version(requirement.at_least or "0") <= written, requirement
            assert not requirement.below or written < Version(requirement.below), requirement
        assert requirement.evidence
        assert len(requirement.reference) > 3


def test_what_wrote_them_is_told_as_far_as_they_tell() -> None:
    clues = {
        archive.torch: [clue.partition(":")[0] for clue in reading_of(archive).written_by]
        for archive in ALL
        if archive.name == "tied_zip.pt"
    }
    assert clues["1.4.0"] == ["torch 1.4"]
    assert clues["1.7.1"] == ["torch 1.6 or newer"]
    assert "torch 2.1 or newer" in clues["2.6.0"]
    assert "torch 2.7 or newer" not in clues["2.6.0"]
    assert "torch 2.7 or newer" in clues["2.13.0"]
    states = {archive.torch: archive for archive in ALL if archive.name == "state.pt"}
    options = {
        torch: {clue.partition(":")[0] for clue in reading_of(archive).written_by}
        for torch, archive in states.items()
    }
    assert "an optimizer of torch 1.12 or newer" in options["1.12.1"]
    assert "an optimizer of torch 1.12 or newer" not in options["1.7.1"]
    assert "an optimizer of torch 2.7 or newer" in options["2.13.0"]
    assert "an optimizer of torch 2.7 or newer" not in options["2.6.0"]


def test_exported_programs_name_their_torch() -> None:
    said = {
        archive.torch: reading_of(archive).details["torch version"].partition("+")[0]
        for archive in ALL
        if archive.name == "export.pt2"
    }
    assert said == {torch: torch for torch in ("2.6.0", "2.13.0")}


def test_bytes_say_their_order_since_they_are_asked_for() -> None:
    orders = Counter(
        (archive.torch, reading_of(archive).byteorder)
        for archive in ALL
        if archive.name in {"tied_zip.pt", "tied_legacy.pt"}
    )
    assert orders["2.13.0", "little"] == 2
    assert orders["1.12.1", None] == orders["1.12.1", "little"] == 1


def test_a_name_tells_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("names")
    for archive in ALL:
        if archive.path.is_file():
            other = folder / "model.safetensors"
            other.write_bytes(archive.path.read_bytes())
            assert read_checkpoint(other) == reading_of(archive)
