"""Cases that crash, hang, devour and flood: each its own outcome, and the neighbours complete.

The case file lies outside the repository, as a user's does.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

import ckptmatrix
from e2e_program import REPOSITORY, command

if TYPE_CHECKING:
    import pandas as pd

MATRIX = """
name: trouble
include:
  - {python: "3.11", torch: "2.13.0"}
cases:
  select: ["family:trouble", "numpy_scalar"]
  files: [their/trouble_cases.py]
limits: {timeout: 8s, memory: 1GB, output: 8MB}
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Outcomes of one run of the troublesome cases."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "their").mkdir()
    shutil.copy(REPOSITORY / "tests" / "fixtures" / "trouble_cases.py", folder / "their")
    (folder / "trouble.yaml").write_text(MATRIX, encoding="utf-8")
    done = command("run", "trouble.yaml", "--provider", "venv", "--json", cwd=folder)
    assert done.code == 0, done.err
    tables = ckptmatrix.load_run(json.loads(done.out)["folder"].join([f"{folder}/", ""]))
    frame = tables.frame()
    return frame[frame["mode"] == "plain"].set_index("case")


@pytest.mark.parametrize(
    ("case", "verdict", "reason", "message"),
    [
        ("trouble_aborts", "failed", "crashed", "SIGABRT"),
        ("trouble_hangs", "failed", "timeout", "8 s"),
        ("trouble_devours", "failed", "out_of_memory", "MemoryError"),
        ("trouble_floods", "failed", "output_flood", "8000000 bytes"),
        ("trouble_unsaveable", "aborted", "save_failed", "pickle"),
    ],
)
def test_each_trouble_is_told_apart(
    outcomes: pd.DataFrame, case: str, verdict: str, reason: str, message: str
) -> None:
    row = outcomes.loc[case]
    assert (row.verdict, row.reason) == (verdict, reason), row.message
    assert message in row.message


@pytest.mark.parametrize("case", ["trouble_chats", "trouble_behaves", "state_dict"])
def test_neighbours_are_not_harmed(outcomes: pd.DataFrame, case: str) -> None:
    assert outcomes.loc[case].verdict == "ok", outcomes.loc[case].message


def test_a_load_that_differs_between_attempts_is_flaky(outcomes: pd.DataFrame) -> None:
    assert outcomes.loc["trouble_flips"].verdict == "changed"
    assert outcomes.loc["trouble_flips"].flaky
    assert not outcomes.drop("trouble_flips").flaky.any()
