from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.venv.locks import Lock, turned_out
from ckptmatrix.providers.venv.provider import VenvProvider, this_platform
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from pathlib import Path


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
