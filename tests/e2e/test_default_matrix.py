"""The default matrix in real environments, and what it is known to answer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e_program import command
from known_answers import assert_answer, name_of, read_answers
from own_cell import own_rows, unexpected

if TYPE_CHECKING:
    import pandas as pd

    from ckptmatrix.report.frames import RunFrames


def _is_cell(cell: str, torch: str) -> bool:
    return f"-torch{torch}-" in cell


@pytest.mark.parametrize("answer", read_answers("known_answers.yaml"), ids=name_of)
def test_known_answer(default_frame: pd.DataFrame, answer: dict[str, Any]) -> None:
    assert_answer(default_frame, answer, _is_cell)


def test_every_load_of_the_plan_has_an_outcome(
    default_run: Path, default_frame: pd.DataFrame
) -> None:
    plan = json.loads((default_run / "plan.json").read_text(encoding="utf-8"))
    assert len(default_frame) == plan["cost"]["loads"]
    assert not (default_frame.verdict == "error").any()
    keys = ["producer", "producer_device", "consumer", "device", "case", "mode"]
    assert not default_frame.duplicated(keys).any()


def test_four_releases_of_both_majors_on_different_pythons(default_tables: RunFrames) -> None:
    cells = default_tables.cells()
    assert cells.torch.nunique() >= 4
    assert {version.split(".")[0] for version in cells.torch} == {"1", "2"}
    assert cells.python.nunique() >= 4


def test_no_failure_is_undiagnosed(default_frame: pd.DataFrame) -> None:
    bad = default_frame[default_frame.verdict.isin(["failed", "changed"])]
    undiagnosed = bad[bad.diagnosis.isna() | (bad.diagnosis == "")]
    assert undiagnosed[["case", "mode", "reason", "message"]].drop_duplicates().empty
    assert (bad.cause != "").all()


def test_what_a_cell_saves_it_loads_as_declared(default_tables: RunFrames) -> None:
    assert unexpected(own_rows(default_tables)) == []


def test_every_cell_can_be_trusted(default_tables: RunFrames) -> None:
    assert default_tables.cells().trusted.all()


def test_at_most_three_jobs_a_cell(default_run: Path) -> None:
    record = json.loads((default_run / "run.json").read_text(encoding="utf-8"))
    assert record["counts"]["jobs"] <= 3 * len(record["cells"])


def test_a_second_run_starts_no_job_and_takes_seconds(
    default_run: Path, default_choice: tuple[str, ...]
) -> None:
    began = time.monotonic()
    out = default_run.parent.parent
    done = command("run", *default_choice, "--out", str(out), "--json")
    seconds = time.monotonic() - began
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["jobs"] == summary["saves"] == summary["loads"] == 0
    assert summary["reused_loads"] > 2_000
    # A generous bound for a busy machine; `make run` twice shows the real figure.
    assert seconds < 20
    again = json.loads((Path(summary["folder"]) / "outcomes.json").read_text(encoding="utf-8"))
    first = json.loads((default_run / "outcomes.json").read_text(encoding="utf-8"))
    for row in (*again, *first):
        del row["cached"]
    assert again == first
