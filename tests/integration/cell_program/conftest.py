"""The shipped .pyz, executed by every Python this machine has, with cases that need no torch."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from cell_jobs import CellFolders, interpreters
from ckptmatrix.providers.pyz import build_cell_program
from torchless_jobs import CASES, Survey, survey_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as it is shipped."""
    return build_cell_program(tmp_path_factory.mktemp("program"))


@pytest.fixture
def cell(program: Path, tmp_path: Path) -> CellFolders:
    """Folders with the cases and an empty checkpoint, for the current Python."""
    made = CellFolders(interpreter=sys.executable, program=[str(program)], root=tmp_path)
    (made.input / "cases").mkdir()
    shutil.copy(CASES, made.input / "cases" / "torchless.py")
    (made.input / "checkpoint").write_bytes(b"")
    return made


@pytest.fixture(scope="session", params=list(interpreters()))
def survey(
    request: pytest.FixtureRequest, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Survey:
    """What every Python answers; of the session, so that each is asked once for all files."""
    version: str = request.param
    cell = CellFolders(
        interpreter=interpreters()[version],
        program=[str(program)],
        root=tmp_path_factory.mktemp("cell"),
        environ={"TORCH_HOME": "/elsewhere", "PYTHONPATH": "/elsewhere", "OMP_NUM_THREADS": "8"},
    )
    return survey_of(version, cell)
