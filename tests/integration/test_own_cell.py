"""Every shipped case in a cell of its own, through the whole program.

``CKPTMATRIX_TEST_MATRIX`` names the matrix whose cells are tried; ``CKPTMATRIX_TEST_CELLS`` and
``CKPTMATRIX_TEST_CASES`` choose as ``--cells`` and ``--cases`` do. Without a matrix there is
nothing to try them in.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ckptmatrix
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cells
from e2e_program import command
from inspected import problems
from own_cell import own_rows, unexpected

MATRIX = os.environ.get("CKPTMATRIX_TEST_MATRIX", "")
CASES = os.environ.get("CKPTMATRIX_TEST_CASES", "*")
CELLS = (
    select_cells(load_matrix(Path(MATRIX)).cells, os.environ.get("CKPTMATRIX_TEST_CELLS", "*"))
    if MATRIX
    else ()
)

pytestmark = [
    pytest.mark.skipif(not MATRIX, reason="CKPTMATRIX_TEST_MATRIX names no matrix"),
    pytest.mark.timeout(1_800),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Cell → the folder of a run of it alone."""

    def run(cell: str) -> Path:
        out = tmp_path_factory.mktemp("own")
        options = ("--provider", "venv", "--cells", cell, "--cases", CASES, "--out", str(out))
        done = command("run", MATRIX, *options)
        assert done.code == 0, done.err
        return out / load_matrix(Path(MATRIX)).name / "latest"

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(
            zip(
                (cell.id for cell in CELLS),
                pool.map(run, (cell.id for cell in CELLS)),
                strict=True,
            )
        )


@pytest.fixture(scope="module")
def rows(runs: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Cell → what it answered to its own checkpoints."""
    return {cell: own_rows(ckptmatrix.load_run(folder)) for cell, folder in runs.items()}


@pytest.mark.parametrize("cell", [cell.id for cell in CELLS])
def test_what_a_cell_saves_it_loads_as_declared(
    rows: dict[str, list[dict[str, Any]]], cell: str
) -> None:
    assert rows[cell]
    assert unexpected(rows[cell]) == []


@pytest.mark.parametrize("cell", [cell.id for cell in CELLS])
def test_what_a_cell_saves_is_inspected_as_it_saw_it(runs: dict[str, Path], cell: str) -> None:
    assert problems(runs[cell]) == []


def test_every_case_is_made_somewhere(rows: dict[str, list[dict[str, Any]]]) -> None:
    everything = [row for cell in rows.values() for row in cell]
    # A save that fails as it should was made as far as it can be.
    made = {row["case"] for row in everything if row["reason"] != "producer_unsupported"}
    # Cells with that package are in eras.yaml.
    elsewhere = {row["case"] for row in everything if row["case"].startswith("safetensors_")}
    assert {row["case"] for row in everything} == made | elsewhere
