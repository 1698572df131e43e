from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from archive_files import ARCHIVES, saved
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Reading
from ckptmatrix.sidecar import Environment, Sidecar, write_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

REAL = ARCHIVES / "2.13.0" / "state.pt"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_what_matters_most_comes_first(command: Command) -> None:
    said = command("inspect", REAL)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == str(REAL)
    titles = [line.strip() for line in lines[1:] if line[2:3].isalpha()]
    assert titles[0].startswith("a checkpoint of torch.save, a zip archive")
    assert titles[1:] == ["needs", "written by", "contents", "tensors", "looks up"]
    assert "torch ≥ 1.5: its file format version is 3 (pytorch#42724)" in said.out
    assert "['model']['0.weight']  torch.float32  2×3" in said.out


def test_long_lists_are_cut_and_can_be_had(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "many.pt"
    tensor = (
        "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
        "X\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0))\x89}tR"
    ).encode("latin-1")
    path.write_bytes(saved(b"\x80\x02](" + tensor * 50 + b"e.", storages={"0": bytes(4)}))
    short, whole = command("inspect", path), command("inspect", "--tensors", path)
    assert "and 30 more (--tensors shows them)" in short.out
    assert "[49]" not in short.out
    assert "[49]" in whole.out


def test_json_is_the_reading(command: Command) -> None:
    (answer,) = command("inspect", "--json", REAL).json()
    assert {field.name for field in fields(Reading)} < set(answer)
    assert answer["format"] == "zip"
    assert answer["tensors"][0]["shape"] == list(read_checkpoint(REAL).tensors[0].shape)
    assert answer["path"] == str(REAL)
    assert answer["sidecar"] is None


def test_damage_is_told_and_gives_1(command: Command, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pt"
    cut.write_bytes(REAL.read_bytes()[:2000])
    said = command("inspect", cut)
    assert said.code == 1
    assert "wrong" in said.out
    assert "cut off" in said.out


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x1f\x8b", b"\xff" * 100])
def test_what_is_no_checkpoint_gives_1(command: Command, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    assert command("inspect", path).code == 1


def test_what_is_unsafe_is_told(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "unsafe.pkl"
    path.write_bytes(b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.")
    said = command("inspect", path)
    assert "code: os.system: it runs programs and changes files" in said.out
    assert said.code == 0


def test_files_that_cannot_be_opened_are_named_after_the_others(
    command: Command, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = command("inspect", tmp_path / "nothing", REAL, tmp_path / "pipe", tmp_path)
    assert said.code == 2
    assert str(REAL) in said.out
    assert "nothing: no such file or directory" in said.err
    assert "pipe: it is not a regular file" in said.err
    assert command("inspect").code == 2


def test_nothing_a_file_says_reaches_the_terminal_raw(command: Command, tmp_path: Path) -> None:
    evil = "\x1b[31m\x07\u202e[bold]\r\n\x9b2J"
    path = tmp_path / "evil\x1b[2J.pt"
    value = {evil: 1, "nested": [evil]}
    path.write_bytes(
        saved(
            pickle.dumps(value, 2)[:-1] + b"0" + f"c{evil[:8]}\nname\n0".encode() + b"}(V"
            + b"\\u001b[31m\nNu.",
            version=b"\x1b[1m",
            byteorder=evil.encode(),
        )
    )  # fmt: skip
    for said in (command("inspect", path), command("inspect", "--json", path)):
        text = said.out + said.err
        assert not [each for each in text if not each.isprintable() and each != "\n"]
    assert "\\x1b" in command("inspect", path).out


def test_a_sidecar_is_shown_and_compared(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    shutil.copy(REAL, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sidecar = Sidecar(
        sha256=digest,
        bytes=path.stat().st_size,
        environment=Environment(torch="2.13.0+cpu", python="3.11.7"),
    )
    write_sidecar(path, sidecar)
    said = command("inspect", path)
    assert "torch 2.13.0+cpu" in said.out
    assert "replaced" not in said.out
    with path.open("r+b") as file:
        file.write(b"X")
    said = command("inspect", path)
    assert "the checkpoint was changed since" in said.out
    assert "torch 2.13.0+cpu" not in said.out
    with path.open("ab") as file:
        file.write(b"X")
    assert "the checkpoint was replaced since" in command("inspect", path).out
    (answer,) = command("inspect", "--json", path).json()
    assert answer["sidecar"]["environment"]["torch"] == "2.13.0+cpu"
    (tmp_path / "model.pt.ckptmatrix.json").write_text(json.dumps({"format": 9}))
    assert "left aside" in command("inspect", path).out


def test_a_folder(command: Command) -> None:
    said = command("inspect", ARCHIVES / "2.13.0" / "dcp")
    assert said.code == 0
    assert "a folder of torch.distributed.checkpoint" in said.out
