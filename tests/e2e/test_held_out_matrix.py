"""What predictions are worth for releases that they were not written from, and diagnoses there.

Runs only when ``CKPTMATRIX_TEST_HELD_OUT`` is set: the environments take 14 GB of disk. Whether a
diagnosis is right is for a person to read; here it is counted whether there is one.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from diagnosed import wrongly_advised
from e2e_program import command

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("CKPTMATRIX_TEST_HELD_OUT"), reason="CKPTMATRIX_TEST_HELD_OUT is not set"
    ),
    pytest.mark.timeout(3_600),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of every case in every cell."""
    out = tmp_path_factory.mktemp("reports")
    done = command("run", "matrices/held-out.yaml", "--provider", "venv", "--out", str(out))
    assert done.code == 0, done.err
    return (out / "held-out" / "latest").resolve()


@pytest.fixture(scope="module")
def frame(folder: Path) -> pd.DataFrame:
    """Its outcomes."""
    return ckptmatrix.load_run(folder).frame()


@pytest.fixture(scope="module")
def scores(folder: Path) -> dict[str, Any]:
    """What its predictions were worth."""
    scores: dict[str, Any] = json.loads((folder / "predictions.json").read_text("utf-8"))["scores"]
    return scores


def test_nothing_went_wrong_on_our_side(frame: pd.DataFrame) -> None:
    assert not (frame.verdict == "error").any()


def test_hardly_a_failure_is_undiagnosed(frame: pd.DataFrame) -> None:
    wrong = frame[frame.verdict.isin(["failed", "changed"])]
    assert len(wrong) > 1_000
    assert wrong.diagnosis.notna().mean() >= 0.99


def test_no_cure_is_praised_that_did_not_work(frame: pd.DataFrame) -> None:
    assert wrongly_advised(frame) == []


def test_all_of_it_is_held_out(scores: dict[str, Any]) -> None:
    assert scores["known"]["loads"] == 0
    assert scores["held_out"]["loads"] > 5_000


def test_predictions_are_worth_more_than_none(scores: dict[str, Any]) -> None:
    assert scores["held_out"]["precision"] >= 0.94
    assert scores["held_out"]["recall"] >= 0.9
    assert scores["held_out"]["right"] > scores["held_out"]["loaded"]
