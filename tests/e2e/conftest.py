"""One run of the default matrix, shared by all tests, with the cases that answers are about.

Every case in every cell is what ``test_debian_matrix.py`` runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ckptmatrix
from e2e_program import command
from known_answers import cases_of, read_answers

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ckptmatrix.report.frames import RunFrames


@pytest.fixture(scope="session")
def default_choice() -> tuple[str, ...]:
    """Matrix and cases on the command line."""
    return ("matrices/default.yaml", "--cases", cases_of(read_answers("known_answers.yaml")))


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory, default_choice: tuple[str, ...]) -> Path:
    """The folder of the run."""
    out = tmp_path_factory.mktemp("reports")
    done = command("run", *default_choice, "--provider", "venv", "--out", str(out))
    assert done.code == 0, done.err
    return (out / "default" / "latest").resolve()


@pytest.fixture(scope="session")
def default_tables(default_run: Path) -> RunFrames:
    """The run as pandas tables."""
    return ckptmatrix.load_run(default_run)


@pytest.fixture(scope="session")
def default_frame(default_tables: RunFrames) -> pd.DataFrame:
    """Its outcomes."""
    return default_tables.frame()
