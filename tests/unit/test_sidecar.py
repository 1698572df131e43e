from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ckptmatrix.archive.reading import Format, Reading, TensorEntry
from ckptmatrix.errors import UsageError
from ckptmatrix.sidecar import (
    Environment,
    Sidecar,
    architecture,
    architecture_of_reading,
    environment_of,
    mismatch,
    plain_value,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from ckptmatrix.wire import Facts
from fakes import facts_of
from scenario import a_cell

DIGEST = "a" * 64


def facts() -> Facts:
    return Facts.model_validate(facts_of(a_cell(3)))


def written(tmp_path: Path, **fields: Any) -> Path:
    checkpoint = tmp_path / "model.pt"
    checkpoint.write_bytes(b"x")
    write_sidecar(checkpoint, Sidecar(sha256=DIGEST, bytes=1, **fields))
    return checkpoint


def test_what_is_written_is_read(tmp_path: Path) -> None:
    environment = environment_of(facts())
    checkpoint = written(tmp_path, environment=environment, config={"lr": 0.1}, cell="c")
    answer = read_sidecar(checkpoint)
    assert answer.problem == ""
    assert answer.sidecar is not None
    assert answer.sidecar.environment == environment
    assert answer.sidecar.config == {"lr": 0.1}
    assert sidecar_path(checkpoint).name == "model.pt.ckptmatrix.json"
    assert json.loads(sidecar_path(checkpoint).read_bytes())["format"] == 1


def test_equal_sidecars_are_equal_files(tmp_path: Path) -> None:
    one = written(tmp_path, environment=environment_of(facts()))
    first = sidecar_path(one).read_bytes()
    written(tmp_path, environment=environment_of(facts()))
    assert sidecar_path(one).read_bytes() == first


def test_without_one_there_is_no_problem(tmp_path: Path) -> None:
    answer = read_sidecar(tmp_path / "model.pt")
    assert (answer.sidecar, answer.problem) == (None, "")


def test_a_changed_checkpoint_is_noticed(tmp_path: Path) -> None:
    answer = read_sidecar(written(tmp_path))
    assert answer.stale("b" * 64)
    assert not answer.stale(DIGEST)


WRONG = [
    b"",
    b"not json",
    b"[1]",
    b"[" * 100_000,
    b"\xff\xfe",
    b"{}",
    json.dumps({"format": 2, "sha256": DIGEST, "bytes": 1}).encode(),
    json.dumps({"format": 1, "sha256": "short", "bytes": 1}).encode(),
    json.dumps({"format": 1, "sha256": DIGEST, "bytes": -1}).encode(),
    json.dumps({"format": 1, "sha256": DIGEST, "bytes": 1, "surprise": 1}).encode(),
    json.dumps({"format": 1, "sha256": DIGEST, "bytes": 1, "by": "x" * 2_000}).encode(),
    json.dumps(
        {"format": 1, "sha256": DIGEST, "bytes": 1, "git": {"commit": "; rm -rf", "dirty": True}}
    ).encode(),
    b" " * 4_000_001,
]


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_a_hostile_sidecar_is_left_aside_with_a_sentence(tmp_path: Path, body: bytes) -> None:
    checkpoint = tmp_path / "model.pt"
    sidecar_path(checkpoint).write_bytes(body)
    answer = read_sidecar(checkpoint)
    assert answer.sidecar is None
    assert answer.problem.startswith("model.pt.ckptmatrix.json ")
    assert answer.problem.endswith("it is left aside")
    assert len(answer.problem) < 500


def test_a_folder_or_a_pipe_in_its_place_does_not_stop_the_reader(tmp_path: Path) -> None:
    sidecar_path(tmp_path / "a.pt").mkdir()
    os.mkfifo(sidecar_path(tmp_path / "b.pt"))
    assert "left aside" in read_sidecar(tmp_path / "a.pt").problem
    assert "not a file" in read_sidecar(tmp_path / "b.pt").problem


def test_what_json_has_no_word_for_becomes_text() -> None:
    value = {1: float("nan"), "path": Path("/x"), "big": 1 << 80, "many": {2}, "ok": [True, None]}
    assert plain_value(value) == {
        "1": "nan",
        "path": "/x",
        "big": str(1 << 80),
        "many": [2],
        "ok": [True, None],
    }


def test_values_that_stand_for_more_than_memory_are_cut() -> None:
    bomb: list[Any] = ["x"]
    for _ in range(40):
        bomb = [bomb] * 9
    assert len(json.dumps(plain_value(bomb))) < 1_000_000
    assert len(plain_value(list(range(100_000)))) == 1_000
    assert plain_value("\ud800") == "\\ud800"


def test_a_listing_is_cut_and_says_how_many_there_are() -> None:
    entry = TensorEntry(path="w", dtype="torch.float32", shape=(1,))
    reading = Reading(format=Format.ZIP, bytes=1, tensors=(entry,) * 6_000, tensor_count=9_000)
    listing = architecture_of_reading(reading)
    assert listing is not None
    assert (len(listing.tensors), listing.count) == (5_000, 9_000)
    assert architecture_of_reading(Reading(format=Format.ZIP, bytes=1)) is None


def test_a_cell_that_is_another_environment_is_told_in_what() -> None:
    here = environment_of(facts())
    other = here.model_copy(update={"torch": "0.0.1", "numpy": None})
    assert mismatch(Sidecar(sha256=DIGEST, bytes=1, environment=here), facts()) == {}
    assert mismatch(Sidecar(sha256=DIGEST, bytes=1, environment=other), facts()) == {
        "torch": ("0.0.1", here.torch)
    }
    assert mismatch(Sidecar(sha256=DIGEST, bytes=1, environment=Environment()), facts()) == {}


def test_a_sidecar_of_another_checkpoint_is_not_believed(tmp_path: Path) -> None:
    answer = read_sidecar(written(tmp_path))
    assert answer.distrusted(size=1, sha256=DIGEST) == ""
    assert answer.distrusted(size=1, sha256=None) == ""
    assert "another file" in answer.distrusted(size=1, sha256="b" * 64)
    assert "another size" in answer.distrusted(size=2, sha256=None)


def test_a_folder_named_by_dots_has_its_sidecar_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoint"
    (folder / "inside").mkdir(parents=True)
    beside = tmp_path / "checkpoint.ckptmatrix.json"
    monkeypatch.chdir(folder)
    assert sidecar_path(Path()) == beside
    monkeypatch.chdir(folder / "inside")
    assert sidecar_path(Path("..")) == beside
    assert sidecar_path(Path("../../checkpoint")).resolve() == beside
    with pytest.raises(UsageError, match="root of all folders"):
        sidecar_path(Path("/"))


class Wordless:
    def __str__(self) -> str:
        raise RuntimeError


def test_numbers_of_thousands_of_digits_and_odd_keys_become_text() -> None:
    large = 16**5_000
    found = plain_value({"n": large, large: 1, "\ud800": "\ud800", "w": Wordless()})
    assert found == {
        "n": "<int of 20,001 bits>",
        "<int of 20,001 bits>": 1,
        "\\ud800": "\\ud800",
        "w": "<Wordless>",
    }
    assert plain_value((2**53,)) == [str(2**53)]


def test_a_listing_of_long_names_fits_into_a_sidecar(tmp_path: Path) -> None:
    tensors = [(f"{n}" + "\x00" * 1_000, "torch.float32", (1, 2)) for n in range(5_000)]
    tensors[1] = ("huge", "torch.float32", (1 << 20_000, 1))
    found = architecture("m\ud800", tensors, len(tensors))
    assert found.model == "m\\ud800"
    assert found.count == 5_000
    assert 100 < len(found.tensors) < 5_000
    written(tmp_path, architecture=found)
