from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.errors import UsageError
from ckptmatrix.report.diff.change import Answer, answer
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.history import History
from ckptmatrix.report.squares import counted
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import CELLS, make_run

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

OLD, MID, NEW = CELLS
GOOD: dict[str, Any] = {}
BAD = {"verdict": Verdict.FAILED, "reason": Reason.MISSING_GLOBAL, "as_expected": False}
ERROR = {"verdict": Verdict.ERROR, "reason": Reason.CELL_LOST, "as_expected": False}
FLAKY = BAD | {"flaky": True}


def one(outcome: Outcome) -> bool:
    key = (outcome.producer, outcome.consumer, outcome.case, outcome.mode.value)
    return key == (OLD, NEW, "tensor_plain", "plain")


def nights(folder: Path, *edits: dict[str, Any] | None) -> History:
    """The history of as many runs, in each of which one load is judged otherwise."""
    for number, changes in enumerate(edits):
        run = make_run()
        started = run.started + timedelta(days=number)
        run = replace(edited(run, (one, changes)), id=f"night-{number}", started=started)
        write_run(folder / run.id, run)
    return History.open(folder)


def told(history: History) -> dict[str, Any]:
    table = history.table()
    rows = table[
        (table.producer == OLD)
        & (table.consumer == NEW)
        & (table.case == "tensor_plain")
        & (table["mode"] == "plain")
    ]
    if rows.empty:
        return {}
    return {str(name): value for name, value in rows.iloc[0].items()}


@pytest.mark.parametrize(
    ("edits", "since", "runs", "last_ok"),
    [
        ([GOOD], "night-0", 1, "night-0"),
        ([GOOD, BAD, BAD], "night-1", 2, "night-0"),
        ([BAD, GOOD, BAD], "night-2", 1, "night-1"),
        ([BAD, BAD], "night-0", 2, None),
        ([BAD, GOOD, GOOD], "night-1", 2, "night-2"),
        # A night that learned nothing breaks no streak, and is none of it.
        ([GOOD, BAD, ERROR, BAD], "night-1", 2, "night-0"),
        ([GOOD, BAD, None, BAD], "night-1", 2, "night-0"),
        ([ERROR, BAD], "night-1", 1, None),
    ],
)
def test_since_when_and_when_it_last_went_well(
    tmp_path: Path, edits: list[Any], since: str, runs: int, last_ok: str | None
) -> None:
    found = told(nights(tmp_path, *edits))
    assert (found["since"], found["runs"], found["last_ok"]) == (since, runs, last_ok)
    assert found["good"] == (edits[-1] == GOOD)


def test_what_the_last_run_did_not_answer_is_not_in_the_table(tmp_path: Path) -> None:
    assert told(nights(tmp_path, GOOD, ERROR)) == {}


def test_first_seen_and_flake_rate(tmp_path: Path) -> None:
    found = told(nights(tmp_path, None, FLAKY, ERROR, BAD, BAD, FLAKY))
    assert found["first_seen"] == "night-1"
    assert found["flake_rate"] == pytest.approx(2 / 4)


def test_squares_are_as_old_as_what_is_oldest_in_them(tmp_path: Path) -> None:
    squares = nights(tmp_path, GOOD, BAD, BAD).squares()
    rows = {(row["producer"], row["consumer"]): row for row in squares.to_dict("records")}
    told = ["since", "last_ok", "bad"]
    assert [rows[OLD, NEW][name] for name in told] == ["night-1", "night-0", 1]
    assert [rows[OLD, OLD][name] for name in told] == [None, "night-2", 0]
    assert squares["loads"].sum() == sum(
        o.judgement.verdict is not Verdict.ABORTED for o in counted(make_run().outcomes)
    )


def test_runs_are_in_the_order_of_their_time_and_end_where_it_is_asked(tmp_path: Path) -> None:
    nights(tmp_path, GOOD, BAD, GOOD)
    until = History.open(tmp_path, until="night-1")
    assert [run.id for run in until.runs] == ["night-0", "night-1"]
    assert not told(until)["good"]
    assert [run.id for run in History.open(tmp_path, most=2).runs] == ["night-1", "night-2"]


def test_what_is_no_run_of_this_version_is_left_out(tmp_path: Path) -> None:
    history = nights(tmp_path, GOOD)
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "run.json").write_text('{"format": 1}')
    write_run(tmp_path / "begun", make_run(id="begun", status="started", outcomes=()))
    assert [run.id for run in History.open(tmp_path).runs] == [run.id for run in history.runs]


def test_runs_of_another_matrix_are_another_history(tmp_path: Path) -> None:
    nights(tmp_path, GOOD, BAD)
    write_run(tmp_path / "other", make_run(id="other", matrix="other"))
    assert [run.id for run in History.open(tmp_path).runs] == ["night-0", "night-1"]


def test_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no run that has ended"):
        History.open(tmp_path)


@given(
    st.sampled_from(list(Verdict)),
    st.sampled_from([None, Reason.PRODUCER_UNSUPPORTED, Reason.SAVE_FAILED, Reason.CRASHED]),
    st.booleans(),
)
def test_the_two_ways_to_read_an_answer_agree(
    verdict: Verdict,
    reason: Reason | None,
    as_expected: bool,  # noqa: FBT001 - drawn
) -> None:
    from ckptmatrix.report.history import _answers  # noqa: PLC0415 - what is compared

    table = pd.DataFrame({"verdict": [verdict.value], "as_expected": [as_expected]})
    said = answer(verdict.value, reason and reason.value, as_expected=as_expected)
    assert _answers(table)[0] == {Answer.GOOD: 1, Answer.BAD: 2}.get(said, 0)


def test_the_history_of_one_run(tmp_path: Path) -> None:
    run: RunRecord = make_run()
    write_run(tmp_path / run.id, run)
    table = History.open(tmp_path).table()
    assert set(table["since"]) == {run.id}
    assert (table["runs"] == 1).all()
