from __future__ import annotations

import os
import pickle
import zipfile
from typing import TYPE_CHECKING

import pytest

import hostile_files as hostile
from ckptmatrix.archive.reading import Danger, Format, Reading
from ckptmatrix.errors import UsageError
from ckptmatrix.run.given import GivenFile, dangers_of, open_given, require_consent
from ckptmatrix.store.describe import describe
from given_files import checkpoint_bytes, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

ROOM = 1_000_000


class Evil:
    """Unpickling it would call something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def opened(path: Path) -> GivenFile:
    (given,) = open_given([path], memory_bytes=ROOM)
    return given


def test_a_file_is_read_and_hashed_and_left_as_it_is(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a b.pt")
    before = (path.stat(), path.read_bytes())
    given = opened(path)
    assert given.reading.format is Format.ZIP
    assert given.case.name == "given_pickle"
    assert given.place == f"given/{given.checkpoint.sha256}/checkpoint.pt"
    after = path.stat()
    assert (after.st_mtime_ns, after.st_nlink, after.st_ino) == (
        before[0].st_mtime_ns,
        1,
        before[0].st_ino,
    )


def test_a_file_given_twice_is_taken_once(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    assert len(open_given([path, path], memory_bytes=ROOM)) == 1


def test_a_folder_is_described_as_a_cell_describes_it(tmp_path: Path) -> None:
    from ckptcell import files  # noqa: PLC0415 - the other side's own answer

    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "sub" / "a").write_bytes(b"1")
    (tmp_path / "d" / "b").write_bytes(b"22")
    told = describe(tmp_path / "d").model_dump(mode="json")
    assert told == files.describe(str(tmp_path / "d"))


def test_every_file_that_cannot_be_taken_is_named_at_once(tmp_path: Path) -> None:
    html, pointer, empty, folder = (tmp_path / name for name in ("a", "b", "c", "d"))
    html.write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    pointer.write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
    )
    empty.write_bytes(b"")
    folder.mkdir()
    os.mkfifo(tmp_path / "e")
    large = tmp_path / "f"
    large.write_bytes(checkpoint_bytes({"value": "x" * ROOM}))
    absent = tmp_path / "g"
    with pytest.raises(UsageError) as refusal:
        open_given([html, pointer, empty, folder, tmp_path / "e", large, absent], memory_bytes=ROOM)
    said = str(refusal.value)
    for name, words in (
        ("a", "is not a checkpoint: it is an HTML page"),
        ("b", "git lfs pull"),
        ("c", "it is empty"),
        ("d", "torch.distributed.checkpoint did not write"),
        ("e", "is neither a file nor a folder"),
        ("f", "raise `limits: {memory: …}`"),
        ("g", "there is no such file"),
    ):
        line = next(line for line in said.splitlines() if line.startswith(str(tmp_path / name)))
        assert words in line or words in said.splitlines()[said.splitlines().index(line) + 1]


def test_a_file_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    with pytest.raises(UsageError, match="Not a directory"):
        opened(path / "below")


def test_plain_data_needs_no_consent(tmp_path: Path) -> None:
    given = opened(write_checkpoint(tmp_path / "a.pt"))
    assert dangers_of(given.reading) == ()
    require_consent([given], "venv", trust=False)


def test_what_runs_code_needs_consent_where_nothing_contains_it(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    path.write_bytes(checkpoint_bytes({"a": Evil()}))
    given = opened(path)
    with pytest.raises(UsageError) as refusal:
        require_consent([given], "venv", trust=False)
    said = str(refusal.value)
    assert str(path) in said
    assert "system" in said
    assert "nothing was loaded" in said
    assert "--trust" in said
    require_consent([given], "venv", trust=True)
    require_consent([given], "docker", trust=False)


@pytest.mark.parametrize(
    "reading",
    [
        Reading(format=Format.PACKAGE, bytes=1),
        Reading(format=Format.UNKNOWN, bytes=1),
        Reading(format=Format.ZIP, bytes=1, incomplete="more than 10 opcodes"),
        Reading(format=Format.ZIP, bytes=1, dangers=(Danger(what="a.b", why="c", level="import"),)),
    ],
)
def test_what_is_not_known_to_be_plain_data_is_a_danger(reading: Reading) -> None:
    assert dangers_of(reading)


LONG_NAME = b"\x80\x04" + hostile.text("os") + hostile.text("path.os." * 600 + "system") + b"\x93"


@pytest.mark.parametrize(
    "data",
    [
        hostile.saved(LONG_NAME + b"X\x04\0\0\0true\x85R."),
        LONG_NAME + b"X\x04\0\0\0true\x85R.",
        hostile.saved(b"\x80\x02V" + b"x" * 70_000 + b"\n0" + hostile.EVIL[2:]),
        hostile.saved(hostile.PLAIN[:-1]),
        hostile.legacy(hostile.PLAIN[:-1]),
        hostile.zip_of(
            {"a/data.pkl": b"N0" * (33 << 20) + hostile.EVIL[2:], "a/version": b"3\n"},
            zipfile.ZIP_DEFLATED,
        ),
        hostile.saved(b"\x80\x04" + hostile.text("torch.serialization")
            + hostile.text("os.system") + b"\x93."),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_to_its_end_needs_consent(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(data)
    given = opened(path)
    with pytest.raises(UsageError, match="nothing was loaded"):
        require_consent([given], "venv", trust=False)


def test_a_folder_whose_objects_run_code_needs_consent(tmp_path: Path) -> None:
    honest = opened(hostile.write_dcp(tmp_path / "a", [hostile.saved(hostile.PLAIN)]))
    require_consent([honest], "venv", trust=False)
    evil = opened(hostile.write_dcp(tmp_path / "b", [hostile.saved(hostile.EVIL)]))
    with pytest.raises(UsageError, match=r"posix\.system"):
        require_consent([evil], "venv", trust=False)


def test_a_pickle_that_torch_did_not_write_is_loaded_as_the_legacy_format(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": 1}, protocol=2))
    assert opened(path).case.name == "given_legacy"
