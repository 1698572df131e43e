from __future__ import annotations

import json
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.base import Environment, Job
from ckptmatrix.providers.venv import provider as provider_module
from ckptmatrix.providers.venv.folders import python_of
from ckptmatrix.providers.venv.interpreters import Interpreter
from ckptmatrix.providers.venv.locks import Lock, turned_out
from ckptmatrix.providers.venv.provider import VenvProvider, _Memory, this_platform
from ckptmatrix.wire import Manifest
from ckptmatrix.words import Phase, Reason


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (Cell(id="d", debian="trixie"), "Debian trixie needs the docker provider"),
        (Cell(id="i", image="registry/serve:1"), "image registry/serve:1 needs the docker"),
        (
            Cell(id="p", python="3.11", torch="2.6.0", platform="linux/riscv64"),
            "the cell is for linux/riscv64 and this machine is linux/",
        ),
    ],
)
def test_cells_of_other_kinds_are_refused_at_once(tmp_path: Path, cell: Cell, said: str) -> None:
    provider = VenvProvider(cache_dir=tmp_path / "cache", cell_program=tmp_path, environ={})
    with pytest.raises(CellError) as caught:
        provider.prepare(cell, cancel=threading.Event(), progress=lambda _phrase: None)
    assert caught.value.reason is Reason.HOST_UNSUPPORTED
    assert said in caught.value.message
    assert not (tmp_path / "cache").exists()


def test_this_machine_has_a_platform_in_dockers_words() -> None:
    system, architecture = this_platform().split("/")
    assert system == "linux"
    assert architecture not in {"x86_64", "aarch64", ""}


ASKED = Cell(id="py3.11-torch2.6.0-cpu", python="3.11", torch="2.6.0", cuda="cpu")


def test_a_cell_whose_index_answered_is_what_was_asked_for() -> None:
    assert turned_out(ASKED, Lock(text=""), ("torch==2.6.0",)) == (ASKED, ())


def test_a_cell_whose_index_did_not_answer_is_default_and_says_so() -> None:
    cell, notes = turned_out(ASKED, Lock(text="", unreached=True), ("torch==2.6.0",))
    assert (cell.id, cell.cuda) == ("py3.11-torch2.6.0-default", "default")
    assert len(notes) == 1
    assert "could not be reached" in notes[0]
    assert "--update-locks" in notes[0]


def test_the_asked_build_from_elsewhere_is_the_asked_build() -> None:
    lock = Lock(text="", unreached=True)
    assert turned_out(ASKED, lock, ("numpy==2.0", "torch==2.6.0+cpu")) == (ASKED, ())


def prepare_reason(provider: VenvProvider) -> CellError:
    with pytest.raises(CellError) as caught:
        provider.prepare(ASKED, cancel=threading.Event(), progress=lambda _: None)
    return caught.value


@pytest.fixture
def known_python(tmp_path: Path) -> Path:
    """A cache that knows which Python 3.11 is, so that nothing has to be looked for."""
    cache = tmp_path / "cache"
    cache.joinpath("interpreters").mkdir(parents=True)
    memory = _Memory.of(Interpreter(version="3.11.7", path=Path(sys.executable)))
    (cache / "interpreters" / "3.11.json").write_text(json.dumps(asdict(memory)))
    return cache


def test_a_file_where_a_folder_should_be_fails_the_cell_and_is_named(known_python: Path) -> None:
    (known_python / "locks").write_text("")
    provider = VenvProvider(cache_dir=known_python, cell_program=known_python, environ={})
    error = prepare_reason(provider)
    assert error.reason is Reason.INSTALL_FAILED
    assert error.message.startswith(f"the environment could not be made: {known_python}/locks")
    assert error.message.endswith(
        "not a directory; a file is where a folder should be: remove it, or choose another folder"
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": "3.11.7"}', '{"path": 3, "version": "", "size": 1}']
)
def test_a_remembered_python_that_cannot_be_read_is_looked_for_again(
    known_python: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (known_python / "interpreters" / "3.11.json").write_text(content)
    monkeypatch.setattr(provider_module, "list_interpreters", lambda *_: [])
    provider = VenvProvider(cache_dir=known_python, cell_program=known_python, environ={})
    assert prepare_reason(provider).reason is Reason.PYTHON_NOT_FOUND


def run_error(home: Path, output: Path) -> CellError:
    provider = VenvProvider(cache_dir=home, cell_program=home / "program.pyz", environ={})
    job = Job(id="j", manifest=Manifest(phase=Phase.PROBE), output=output, deadline_s=5)
    with pytest.raises(CellError) as caught:
        provider.run_job(
            Environment(cell=ASKED, key="k", location=str(home)),
            job,
            on_line=lambda _: None,
            cancel=threading.Event(),
        )
    return caught.value


def test_an_interpreter_that_does_not_start_is_a_lost_cell(tmp_path: Path) -> None:
    python = python_of(tmp_path)
    python.parent.mkdir()
    python.write_text("not a program")
    error = run_error(tmp_path, tmp_path)
    assert error.reason is Reason.CELL_LOST
    assert str(python) in error.message
    assert "permission denied; " in error.message


def test_a_job_without_a_folder_to_start_in_is_a_lost_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_of(tmp_path).parent.mkdir()
    python_of(tmp_path).symlink_to(sys.executable)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    error = run_error(tmp_path, tmp_path)
    assert error.reason is Reason.CELL_LOST
    assert f"{tmp_path}/gone" in error.message


def test_what_the_listener_raises_is_not_taken_for_the_cells(tmp_path: Path) -> None:
    python_of(tmp_path).parent.mkdir()
    python_of(tmp_path).symlink_to(sys.executable)
    (tmp_path / "program.pyz").write_text("print('line', flush=True)")
    provider = VenvProvider(cache_dir=tmp_path, cell_program=tmp_path / "program.pyz", environ={})

    def full(_line: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        provider.run_job(
            Environment(cell=ASKED, key="k", location=str(tmp_path)),
            Job(id="j", manifest=Manifest(phase=Phase.PROBE), output=tmp_path, deadline_s=5),
            on_line=full,
            cancel=threading.Event(),
        )
