from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from given_files import write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return write_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "text", ["import sys\nsys.exit(0)\n", "def make():\n    raise SystemExit(1)\n", "make = 3\n"]
)
def test_a_model_that_cannot_be_made_is_said(
    command: Command, checkpoint: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "ends.py").write_text(text, encoding="utf-8")
    said = command("stamp", checkpoint, "--model", "ends.py:make")
    assert (said.code, "ends:make cannot be made here" in said.err) == (2, True)
    assert not (tmp_path / "model.pt.ckptmatrix.json").exists()


@pytest.mark.parametrize(
    "text", ["a: !!bool foo", 'a: !!int ""', "a: !!timestamp foo", "a: [", "[" * 5_000]
)
def test_parameters_that_are_no_yaml_are_said(
    command: Command, checkpoint: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    said = command("stamp", checkpoint, "--config", "c.yaml")
    assert (said.code, "c.yaml" in said.err) == (2, True)


def test_parameters_are_read_from_files_alone(
    command: Command, checkpoint: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in ("pipe.yaml", "/dev/zero", "."):
        said = command("stamp", checkpoint, "--config", path)
        assert (said.code, "cannot be read as a file of parameters" in said.err) == (2, True)


def test_what_is_no_checkpoint_is_stamped_with_a_note(
    command: Command, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.pt").touch()
    said = command("stamp", "empty.pt")
    assert (said.code, "note: empty.pt is not a checkpoint: it is empty" in said.err) == (0, True)
    (tmp_path / "folder").mkdir()
    assert "note: folder is not a checkpoint" in command("stamp", "folder").err
    said = command("stamp", checkpoint)
    assert "is not a checkpoint" not in said.err
    assert "note: this Python has no torch" in said.err
