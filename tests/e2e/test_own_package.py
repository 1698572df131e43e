"""A case of a user's own that needs a package, in a cell that has it and in one that has not."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from e2e_program import REPOSITORY, command

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

MATRIX = """
name: own-package
include:
  - {python: "3.11", torch: "2.13.0"}
  - {python: "3.11", torch: "2.13.0", packages: [packaging], id: with-packaging}
cases:
  select: [release_beside, state_dict]
  files: [packaging_cases.py]
"""
PLAIN = "py3.11-torch2.13.0-default"

pytestmark = [pytest.mark.network, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Outcomes of one run."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(REPOSITORY / "tests" / "fixtures" / "packaging_cases.py", folder)
    (folder / "own.yaml").write_text(MATRIX, encoding="utf-8")
    done = command("run", "own.yaml", "--provider", "venv", "--json", cwd=folder)
    assert done.code == 0, done.err
    told: Path = folder / json.loads(done.out)["folder"]
    return ckptmatrix.load_run(told).frame()


def trusted(outcomes: pd.DataFrame, producer: str, consumer: str) -> Any:
    """The one row of the case that needs the package, in mode ``trusted``."""
    sides = (outcomes.producer == producer) & (outcomes.consumer == consumer)
    rows = outcomes[sides & (outcomes.case == "release_beside") & (outcomes["mode"] == "trusted")]
    (row,) = rows.to_dict("records")
    return SimpleNamespace(**{str(name): value for name, value in row.items()})


def test_it_runs_where_the_package_is(outcomes: pd.DataFrame) -> None:
    row = trusted(outcomes, "with-packaging", "with-packaging")
    assert row.verdict == "ok"


def test_a_producer_without_it_cannot_make_the_checkpoint(outcomes: pd.DataFrame) -> None:
    row = trusted(outcomes, PLAIN, "with-packaging")
    assert (row.verdict, row.reason) == ("aborted", "producer_unsupported")
    assert "packaging" in row.message


def test_a_consumer_without_it_is_told_what_is_missing(outcomes: pd.DataFrame) -> None:
    row = trusted(outcomes, "with-packaging", PLAIN)
    assert (row.verdict, row.reason, row.entity) == ("failed", "missing_module", "packaging")
    assert row.diagnosis
    assert "packaging" in row.cause
    assert "saved with torch 2.13.0" in row.versions


def test_cases_without_a_package_are_as_ever(outcomes: pd.DataFrame) -> None:
    rows = outcomes[outcomes.case == "state_dict"]
    assert (rows[rows.verdict != "unsupported"].verdict == "ok").all()
