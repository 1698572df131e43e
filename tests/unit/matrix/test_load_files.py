"""Which file a path names, and paths that name none."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import MatrixError
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.shipped import matrices

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.matrix.model import Matrix


def refusal(path: Path) -> str:
    with pytest.raises(MatrixError) as caught:
        load_matrix(path)
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.timeout(10)
def test_a_pipe_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    assert "not a file with text" in refusal(path)


@pytest.mark.timeout(10)
def test_a_device_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "zero.yaml"
    path.symlink_to("/dev/zero")
    assert "not a file with text" in refusal(path)


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.yaml")
        assert "cannot be read" in refusal(Path("s.yaml"))


def test_a_folder(tmp_path: Path) -> None:
    assert "this is a folder" in refusal(tmp_path)


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    ring, loose = tmp_path / "ring.yaml", tmp_path / "loose.yaml"
    ring.symlink_to(ring)
    loose.symlink_to("gone.yaml")
    assert "Too many levels of symbolic links" in refusal(ring)
    assert "the link points to nothing: gone.yaml" in refusal(loose)


@pytest.mark.timeout(10)
def test_a_file_of_two_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(2_000_000_000)
    assert "larger than" in refusal(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in matrices().glob("*.yaml")))
def test_a_word_names_a_matrix_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert load_matrix(Path(name)).path == matrices() / f"{name}.yaml"


def test_a_file_comes_before_a_matrix_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "name: own\ninclude: [{python: '3.11', torch: '2.6.0'}]\n"
    Path("default").write_text(text, encoding="utf-8")
    assert load_matrix(Path("default")).name == "own"


def test_a_word_that_names_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(Path("nothing"))
    assert "a matrix that ships with ckptmatrix: debian, default, eras, held-out, smoke" in said


def test_names_of_one_gpu_are_one_device(load: Callable[..., Matrix]) -> None:
    cell = "include: [{python: '3.11', torch: '2.6.0'}]\n"
    assert load(cell + "devices: [cpu, cuda, 'cuda:01']").devices == ("cpu", "cuda:0", "cuda:1")
    with pytest.raises(MatrixError, match="cuda and cuda:0 are the same"):
        load(cell + "devices: [cuda, 'cuda:0']")
