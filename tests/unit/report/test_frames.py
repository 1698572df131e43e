from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ckptmatrix import load_run
from ckptmatrix.errors import UsageError
from ckptmatrix.record import CellRecord
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.frames import RunFrames
from ckptmatrix.report.headline import verdict_counts
from ckptmatrix.report.parquet import to_parquet
from ckptmatrix.report.schema import COLUMNS
from ckptmatrix.report.squares import pair_grid
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.record import RunRecord


@pytest.fixture
def frames(tmp_path: Path, run: RunRecord) -> RunFrames:
    write_run(tmp_path / "r", run)
    return RunFrames.open(tmp_path / "latest")


def test_the_frame_has_the_columns_of_the_schema(frames: RunFrames, run: RunRecord) -> None:
    frame = frames.frame()
    assert len(frame) == len(run.outcomes)
    assert list(frame.columns) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        dtype = frame[column.name].dtype
        match column.kind:
            case "category":
                assert isinstance(dtype, pd.CategoricalDtype), column.name
            case "bool" | "int" | "float":
                assert (
                    str(dtype) == {"bool": "bool", "int": "int64", "float": "float64"}[column.kind]
                )
            case "text" | "json":
                assert all(isinstance(value, str) for value in frame[column.name].dropna())
        assert column.nullable or frame[column.name].notna().all(), column.name


def test_rows_are_the_outcomes_in_order(frames: RunFrames, run: RunRecord) -> None:
    for outcome, (_, row) in zip(run.outcomes, frames.frame().iterrows(), strict=True):
        assert (row["producer"], row["consumer"], row["case"], row["mode"]) == (
            outcome.producer,
            outcome.consumer,
            outcome.case,
            outcome.mode,
        )
        assert row["verdict"] == outcome.judgement.verdict
        assert len(json.loads(row["differences"])) == len(outcome.judgement.differences)


def test_a_frame_can_be_changed_without_changing_the_run(frames: RunFrames) -> None:
    frame = frames.frame()
    frame["message"] = "changed"
    assert (frames.frame()["message"] != "changed").all()


def test_categories_are_in_the_order_people_expect(frames: RunFrames, run: RunRecord) -> None:
    frame = frames.frame()
    assert list(frame["producer"].cat.categories) == [cell.id for cell in run.cells]
    assert list(frame["case"].cat.categories) == list(run.cases)
    assert frame["verdict"].max() == "changed"
    assert frame["mode"].cat.ordered


def test_the_matrix_is_in_the_matrix_order(frames: RunFrames, run: RunRecord) -> None:
    old, mid, new = (cell.id for cell in run.cells)
    worst = frames.matrix()
    assert list(worst.index) == list(worst.columns) == [old, mid, new]
    assert worst.loc[mid, new] == "changed"
    assert worst.loc[new, old] == "failed"
    assert worst.loc[new, new] == "ok"
    share = frames.matrix(values="share")
    assert share.loc[new, old] == pytest.approx(6 / 8)
    one = frames.matrix(case="numpy_scalar", mode="plain", device="cpu", values="share")
    assert one.loc[new, old] == 0
    assert one.loc[old, new] == 1
    assert frames.matrix(case="tensor_conj").loc[old, old] == "aborted"
    assert frames.matrix(case="tensor_conj", values="share").loc[old].isna().all()


@pytest.mark.parametrize("wrong", [{"case": "tensor"}, {"mode": "quick"}, {"device": "cuda:0"}])
def test_a_filter_the_run_does_not_know_is_refused(
    frames: RunFrames, wrong: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"the run has no (case|mode|device) .*; it has "):
        frames.matrix(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_frames_and_the_report_count_alike(
    seed: int, tmp_path: Path, run: RunRecord, make_outcome: Callable[..., Any]
) -> None:
    source = random.Random(seed)  # noqa: S311 - any numbers will do
    outcomes = tuple(
        make_outcome(
            producer=source.choice(run.cells).id,
            consumer=source.choice(run.cells).id,
            case=source.choice(list(run.cases)),
            mode=source.choice([Mode.PLAIN, Mode.TRUSTED]),
            verdict=source.choice(list(Verdict)),
            reason=source.choice([None, Reason.CRASHED, Reason.TIMEOUT]),
            as_expected=source.random() < 0.8,
        )
        for _ in range(source.choice([0, 1, 5, 30, 200]))
    )
    changed = replace(run, outcomes=outcomes)
    write_run(tmp_path / "r", changed)
    frames = RunFrames.open(tmp_path / "r")
    worst, share = frames.matrix(), frames.matrix(values="share")
    for (producer, consumer), square in pair_grid(changed).squares.items():
        at = (producer, consumer)
        assert (worst.loc[at] if worst.notna().loc[at] else None) == square.verdict
        assert (share.loc[at] if share.notna().loc[at] else None) == pytest.approx(square.share)
    counts = frames.counts()["loads"]
    assert counts[counts > 0].to_dict() == {
        verdict.value: count for verdict, count in verdict_counts(changed).items()
    }


def test_cells_and_saves(frames: RunFrames, run: RunRecord) -> None:
    cells = frames.cells()
    assert list(cells["id"]) == [cell.id for cell in run.cells]
    assert list(cells["torch"]) == ["2"] * 3
    assert cells["trusted"].all()
    saves = frames.saves()
    assert len(saves) == len(run.saves)
    assert set(saves["verdict"]) == {"ok"}
    assert saves["reason"].isna().all()


def test_cells_without_facts_and_no_saves(
    tmp_path: Path, change_run: Callable[..., RunRecord]
) -> None:
    refused = CellRecord(
        id="a", declared="a", verdict=Verdict.UNSUPPORTED, reason=Reason.NO_WHEEL, message="none"
    )
    write_run(tmp_path / "r", change_run(cells=(refused,), saves=(), outcomes=()))
    frames = load_run(tmp_path / "r")
    assert frames.cells().loc[0, "reason"] == "no_wheel"
    assert frames.saves().empty
    assert frames.matrix().shape == (0, 0)
    assert frames.counts().empty or frames.counts()["loads"].sum() == 0


def test_what_is_no_finished_run_says_so(
    tmp_path: Path, run: RunRecord, change_run: Callable[..., RunRecord]
) -> None:
    write_run(tmp_path / "s", change_run(status="started", ended=None, outcomes=()))
    with pytest.raises(UsageError, match="has not ended"):
        RunFrames.open(tmp_path / "s")
    with pytest.raises(UsageError, match="not the folder of a run"):
        RunFrames.open(str(tmp_path / "absent"))
    write_run(tmp_path / "r", run)
    parquet = tmp_path / "r" / "outcomes.parquet"
    parquet.write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match=r"outcomes\.parquet cannot be read"):
        RunFrames.open(tmp_path / "r")
    parquet.unlink()
    with pytest.raises(UsageError, match=r"outcomes\.parquet cannot be read"):
        RunFrames.open(tmp_path / "r")


def test_a_line_longer_than_arrows_block_is_written(
    run: RunRecord, make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    long = make_outcome(message="x" * 3_000_000)
    write_run(tmp_path / "r", replace(run, outcomes=(*run.outcomes, long)))
    frame = RunFrames.open(tmp_path / "r").frame()
    assert frame["message"].str.len().max() == 3_000_000
    assert to_parquet([]) != b""
