"""Known answers of releases that neither the default matrix nor Debian has.

``CKPTMATRIX_TEST_ERAS`` chooses cells of ``matrices/eras.yaml`` as ``--cells`` does. All of them
take 34 GB of disk, so CI tries four. Only answers about the cells that were chosen are looked for.
``CKPTMATRIX_TEST_ERAS_CASES`` chooses cases as ``--cases`` does; without it, those that answers are
about and those of safetensors, which no other matrix has the package for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cells
from diagnosed import undiagnosed
from e2e_program import REPOSITORY, command
from inspected import problems
from known_answers import assert_answer, cases_of, name_of, read_answers
from own_cell import own_rows, unexpected

if TYPE_CHECKING:
    from ckptmatrix.report.frames import RunFrames

MATRIX = Path("matrices") / "eras.yaml"
CHOICE = os.environ.get("CKPTMATRIX_TEST_ERAS", "")
CELLS = (
    [cell.id for cell in select_cells(load_matrix(REPOSITORY / MATRIX).cells, CHOICE)]
    if CHOICE
    else []
)

pytestmark = [
    pytest.mark.skipif(not CHOICE, reason="CKPTMATRIX_TEST_ERAS chooses no cells"),
    pytest.mark.timeout(3_600),
]


def _is_cell(cell: str, torch: str) -> bool:
    return f"-torch{torch}-" in cell


ANSWERS = [
    answer
    for answer in read_answers("known_answers_eras.yaml")
    if all(any(_is_cell(cell, answer[who]) for cell in CELLS) for who in ("producer", "consumer"))
]


CASES = os.environ.get("CKPTMATRIX_TEST_ERAS_CASES") or (f"{cases_of(ANSWERS)},family:safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run."""
    out = tmp_path_factory.mktemp("reports")
    choice = ("--cells", CHOICE, "--cases", CASES)
    done = command("run", str(MATRIX), "--provider", "venv", *choice, "--out", str(out))
    assert done.code == 0, done.err
    return (out / "eras" / "latest").resolve()


@pytest.fixture(scope="module")
def run(folder: Path) -> RunFrames:
    """The run as pandas tables."""
    return ckptmatrix.load_run(folder)


@pytest.mark.parametrize("answer", ANSWERS, ids=name_of)
def test_known_answer(run: RunFrames, answer: dict[str, Any]) -> None:
    assert_answer(run.frame(), answer, _is_cell)


def test_what_a_cell_saves_it_loads_as_declared(run: RunFrames) -> None:
    assert unexpected(own_rows(run)) == []


def test_no_failure_is_undiagnosed(run: RunFrames) -> None:
    assert undiagnosed(run.frame()) == []


def test_every_checkpoint_is_inspected_as_its_producer_saw_it(folder: Path) -> None:
    assert problems(folder) == []


def test_nothing_went_wrong_on_our_side(run: RunFrames) -> None:
    assert not (run.frame().verdict == "error").any()
