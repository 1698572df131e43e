"""The runs of one matrix as a history: since when something fails, when it last went well.

A history is the folder that the runs lie in, and nothing beside it: what is asked is read from the
``outcomes.parquet`` of each run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ckptmatrix.errors import UsageError
from ckptmatrix.report.diff.compare import KEY
from ckptmatrix.report.folder import RECORD, read_run
from ckptmatrix.report.frames import RunFrames, applying, good, without_mistakes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from ckptmatrix.record import RunRecord

__all__ = ["MOST_RUNS", "History"]

#: Runs that are looked back on.
MOST_RUNS = 60
_GOOD, _BAD, _SILENT = 1, 2, 0


@dataclass(frozen=True, kw_only=True)
class History:
    """What each run said of each load.

    Attributes:
        runs: Without their outcomes, the oldest first; those that have not ended are left out.
        loads: One row a load that any of them has: ``KEY``.
        answers: One row a load, one column a run: 1 it was as expected, 2 it was not, 0 the run
            has no answer.
        flaky: Whether attempts differed, likewise.
    """

    runs: tuple[RunRecord, ...]
    loads: pd.DataFrame
    answers: NDArray[np.int8]
    flaky: NDArray[np.bool_]

    @classmethod
    def open(cls, folder: Path, *, until: str | None = None, most: int = MOST_RUNS) -> History:
        """Read the runs of a matrix.

        Args:
            folder: ``<reports>/<matrix>``.
            until: Id of the last run that counts, the newest when None; the others are earlier ones
                of its matrix.
            most: How many runs are looked back on.

        Raises:
            UsageError: There is no such run in it that has ended.
        """
        runs: dict[str, tuple[RunRecord, Path]] = {}
        for record in sorted(folder.glob(f"*/{RECORD}")):
            if record.parent.is_symlink():
                continue
            try:
                run = read_run(record.parent, outcomes=False)
            except UsageError:
                # One that an older version wrote, or that is damaged, has nothing to say.
                continue
            if run.status != "started":
                runs.setdefault(run.id, (run, record.parent))
        if until is not None and until not in runs:
            msg = f"{folder} has no run {until}"
            raise UsageError(msg)
        last = (
            runs[until][0] if until else max((r for r, _ in runs.values()), key=_time, default=None)
        )
        if last is None:
            msg = f"{folder} has no run that has ended"
            raise UsageError(msg)
        chosen = [
            (run, path)
            for run, path in runs.values()
            if run.matrix == last.matrix and run.started <= last.started
        ]
        chosen.sort(key=lambda each: each[0].started)
        return cls.of([RunFrames.open(path) for _, path in chosen[-most:]])

    @classmethod
    def of(cls, frames: list[RunFrames]) -> History:
        """The history of runs that are open already, the oldest first."""
        telling = frozenset[tuple[str, str]]().union(*(each.telling_mistakes() for each in frames))
        tables = [without_mistakes(each.usual(), telling) for each in frames]
        keys = [pd.MultiIndex.from_frame(table[KEY].astype(str)) for table in tables]
        every = keys[0]
        for other in keys[1:]:
            every = every.union(other, sort=False)
        answers = np.zeros((len(every), len(frames)), dtype=np.int8)
        flaky = np.zeros((len(every), len(frames)), dtype=np.bool_)
        for column, (table, key) in enumerate(zip(tables, keys, strict=True)):
            place = every.get_indexer(key)
            answers[place, column] = _answers(table)
            flaky[place, column] = table["flaky"].to_numpy()
        return cls(
            runs=tuple(each.run for each in frames),
            loads=every.to_frame(index=False),
            answers=answers,
            flaky=flaky,
        )

    def table(self) -> pd.DataFrame:
        """One row a load that the last run has an answer for.

        Columns: ``KEY``; ``good``: whether it is as expected; ``since``: id of the run since which
        it is so, runs without an answer aside; ``runs``: how many have said so since; ``last_ok``:
        id of the last run in which it was as expected, or None; ``first_seen``: of the first run
        with an answer; ``flake_rate``: share of the runs with an answer whose attempts differed.
        """
        now = self.answers[:, -1]
        streak = np.zeros(len(now), dtype=np.int64)
        since = np.full(len(now), self.answers.shape[1] - 1)
        unbroken = now != _SILENT
        for column in range(self.answers.shape[1] - 1, -1, -1):
            then = self.answers[:, column]
            unbroken &= (then == now) | (then == _SILENT)
            said = unbroken & (then == now)
            streak[said] += 1
            since[said] = column
        answered = self.answers != _SILENT
        ids = [run.id for run in self.runs]
        count = answered.sum(axis=1)
        table = self.loads.assign(
            good=now == _GOOD,
            since=[ids[at] for at in since],
            runs=streak,
            last_ok=_last(self.answers == _GOOD, ids),
            first_seen=[ids[at] for at in answered.argmax(axis=1)],
            flake_rate=self.flaky.sum(axis=1) / np.maximum(count, 1),
        )
        answered_now: pd.DataFrame = table[now != _SILENT].reset_index(drop=True)
        return answered_now

    def squares(self) -> pd.DataFrame:
        """One row a producer and consumer, of the loads in :meth:`table`.

        Columns: ``producer``, ``consumer``; ``loads``; ``bad``: how many are not as expected;
        ``since``: of the oldest of these, None without any; ``last_ok``: id of the last run in
        which none was bad; ``flake_rate``: mean of the loads'.
        """
        table = self.table()
        sides = ["producer", "consumer"]
        ids = [run.id for run in self.runs]
        place = {each: at for at, each in enumerate(ids)}
        at = table["since"].map(place).where(~table["good"])
        group = table.assign(bad=~table["good"], at=at).groupby(sides, sort=False)
        found = pd.DataFrame(
            {
                "loads": group.size(),
                "bad": group["bad"].sum(),
                "at": group["at"].min(),
                "flake_rate": group["flake_rate"].mean(),
            }
        )
        squares = self.loads.groupby(sides, sort=False).indices
        whole = np.array(
            [
                (said != _BAD).all(axis=0) & (said == _GOOD).any(axis=0)
                for said in (self.answers[squares[square]] for square in found.index)
            ]
        ).reshape(len(found), len(ids))
        since = [None if pd.isna(at) else ids[int(at)] for at in found["at"]]
        found = found.drop(columns="at").assign(last_ok=_last(whole, ids).to_numpy())
        found["since"] = pd.Series(since, dtype=object, index=found.index)
        return found.reset_index()


def _time(run: RunRecord) -> datetime:
    return run.started


def _answers(table: pd.DataFrame) -> NDArray[np.int8]:
    """As :func:`ckptmatrix.report.diff.change.answer`, for all rows at once."""
    return np.select([good(table), applying(table)], [_GOOD, _BAD], _SILENT).astype(np.int8)


def _last(so: NDArray[np.bool_], ids: list[str]) -> pd.Series[Any]:
    """For each row the id of the last column in which it is so; None where it never is."""
    last = so.shape[1] - 1 - so[:, ::-1].argmax(axis=1)
    found: list[str | None] = [
        ids[at] if row.any() else None for at, row in zip(last, so, strict=True)
    ]
    # Of this kind, so that None stays None.
    return pd.Series(found, dtype=object)
