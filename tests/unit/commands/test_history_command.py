from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.report.folder import write_run
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import CELLS, make_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.judge.outcome import Outcome

    Command = Callable[..., Any]

OLD, MID, NEW = CELLS
BAD = {"verdict": Verdict.FAILED, "reason": Reason.MISSING_GLOBAL, "as_expected": False}


def one(outcome: Outcome) -> bool:
    key = (outcome.producer, outcome.consumer, outcome.case, outcome.mode.value)
    return key == (OLD, OLD, "tensor_plain", "plain")


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three nights, of which the last two have a failure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for number, changes in enumerate(({}, BAD, BAD)):
        run = edited(make_run(), (one, changes))
        started = run.started + timedelta(days=number)
        run = replace(run, id=f"night-{number}", started=started)
        write_run(tmp_path / "reports" / "example" / run.id, run)
    return tmp_path / "reports"


def test_squares_since_when(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("history", "example")
    assert (said.code, said.err) == (0, "")
    assert "example: 3 runs, night-0 to night-2" in said.out
    (line,) = [each for each in said.out.splitlines() if each.split()[:2] == [OLD, OLD]]
    assert line.split()[2:] == ["6", "1", "night-1", "night-0", "0%"]
    assert [OLD, MID] not in [each.split()[:2] for each in said.out.splitlines()]
    every = command("history", "example", "--all").out
    assert [OLD, MID] in [each.split()[:2] for each in every.splitlines()]


def test_loads_of_a_square(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    options = ("--producer", OLD, "--consumer", "*1.7.1*", "--loads")
    told = command("history", "example", *options, "--json").json()
    assert [run["id"] for run in told["runs"]] == ["night-0", "night-1", "night-2"]
    (row,) = told["rows"]
    assert (row["case"], row["since"], row["runs"], row["last_ok"]) == (
        *("tensor_plain", "night-1"),
        *(2, "night-0"),
    )


def test_until_a_run(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    told = command("history", "example/night-0", "--producer", OLD, "--json").json()
    assert [run["id"] for run in told["runs"]] == ["night-0"]


def test_what_is_all_good(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("history", "example", "--case", "file_truncated")
    assert "everything is as expected" in said.out


def test_a_pattern_that_matches_nothing(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("history", "example", "--case", "tensor_plane")
    assert said.code == 2
    assert "--case: «tensor_plane» matches nothing; there are tensor_plain" in said.err
