"""A run as pandas tables.

pandas is a view: the truth is in the run folder's files, whose columns ``report.schema`` lists.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ckptmatrix.errors import UsageError
from ckptmatrix.record import SaveRecord
from ckptmatrix.report.folder import read_run
from ckptmatrix.report.parquet import read_parquet
from ckptmatrix.report.schema import COLUMNS
from ckptmatrix.report.squares import APPLIES, MISTAKES
from ckptmatrix.words import Mode, Reason, Stage, Verdict

if TYPE_CHECKING:
    from ckptmatrix.record import CellRecord, RunRecord

__all__ = ["RunFrames", "applying", "good", "without_mistakes"]

_CURES = [mode.value for mode in Mode if mode.is_cure]
_BY_SEVERITY = [verdict.value for verdict in sorted(Verdict, key=lambda v: v.severity)]


class RunFrames:
    """A finished run as pandas tables.

    Args:
        run: The record, without outcomes.
        outcomes: One row an outcome.
    """

    def __init__(self, run: RunRecord, outcomes: pd.DataFrame) -> None:
        self.run = run
        self._outcomes = outcomes

    @classmethod
    def open(cls, path: Path | str) -> RunFrames:
        """Open a run's folder.

        Raises:
            UsageError: It is not the folder of a run, the run has not ended, or it is damaged.
        """
        folder = Path(path)
        run = read_run(folder, outcomes=False)
        file = folder / "outcomes.parquet"
        if run.status == "started":
            msg = f"{folder}: the run has not ended, so it has no outcomes yet"
            raise UsageError(msg)
        try:
            frame = read_parquet(file)
        except (OSError, ValueError) as error:
            what = str(error).splitlines()[0][:200]
            msg = f"{file} cannot be read: {what}\n    fix: run the matrix again"
            raise UsageError(msg) from error
        if list(frame.columns) != [column.name for column in COLUMNS]:
            msg = f"{file} has other columns than run.json's format\n    fix: run the matrix again"
            raise UsageError(msg)
        return cls(run, _categorised(frame, run))

    def frame(self) -> pd.DataFrame:
        """One row an outcome; see :data:`ckptmatrix.report.schema.COLUMNS`."""
        return self._outcomes.copy()

    def cells(self) -> pd.DataFrame:
        """One row a cell, in the matrix's order: what it is, whether and why not it was usable."""
        return pd.DataFrame([_cell_row(cell) for cell in self.run.cells], columns=_CELL_COLUMNS)

    def saves(self) -> pd.DataFrame:
        """One row a save, with the fields of :class:`ckptmatrix.record.SaveRecord`."""
        names = [field.name for field in fields(SaveRecord)]
        rows = [[getattr(save, name) for name in names] for save in self.run.saves]
        frame = pd.DataFrame(rows, columns=names)
        for name in ("verdict", "reason"):
            frame[name] = frame[name].map(str, na_action="ignore").astype("category")
        return frame

    def expected_failures(self) -> frozenset[tuple[str, str, str]]:
        """Saves that failed as their cases expect: producer, case and device."""
        frame = self._outcomes
        aborted = frame[(frame["reason"] == Reason.SAVE_FAILED) & frame["as_expected"]]
        sides = (aborted[name].astype(str) for name in ("producer", "case", "producer_device"))
        return frozenset(zip(*sides, strict=True))

    def matrix(
        self,
        case: str | None = None,
        mode: str | None = None,
        device: str | None = None,
        values: Literal["worst", "share"] = "worst",
    ) -> pd.DataFrame:
        """Producers in rows, consumers in columns, in the matrix's order.

        What counts is what :mod:`ckptmatrix.report.squares` says.

        Args:
            case: Only this case; None for all.
            mode: Only this mode.
            device: Only loads to this device.
            values: ``worst``: the worst verdict that is not as expected, ``ok`` when there is none.
                ``share``: share of what applies that is good, NaN when nothing applies.

        Raises:
            UsageError: The run has no such case, mode or device.
        """
        frame = self.counted()
        for column, wanted in (("case", case), ("mode", mode), ("device", device)):
            if wanted is not None:
                known = [str(name) for name in self._outcomes[column].cat.categories]
                if wanted not in known:
                    msg = f"the run has no {column} {wanted!r}; it has {', '.join(known)}"
                    raise UsageError(msg)
                frame = frame[frame[column] == wanted]
        sides = [frame["producer"].astype(str), frame["consumer"].astype(str)]
        if values == "share":
            # The mean leaves out what does not apply: there it is NaN.
            flat = good(frame).astype(float).where(applying(frame)).groupby(sides).mean()
        else:
            flat = _rank(frame).groupby(sides).max().map(lambda rank: _BY_SEVERITY[rank % 10])
        cells = [cell.id for cell in self.run.cells if cell.verdict is not Verdict.UNSUPPORTED]
        return flat.unstack().reindex(index=cells, columns=cells)  # noqa: PD010 - a Series has no pivot_table

    def counts(self) -> pd.DataFrame:
        """Verdict → how many loads, and how many of them are as expected."""
        frame = self.counted()
        expected = frame["as_expected"].groupby(frame["verdict"], observed=True)
        return pd.DataFrame({"loads": expected.size(), "as_expected": expected.sum()})

    def usual(self) -> pd.DataFrame:
        """The outcomes of modes in which people load by themselves: without cures."""
        return self._outcomes[~self._outcomes["mode"].isin(_CURES)]

    def telling_mistakes(self) -> frozenset[tuple[str, str]]:
        """Case and mode of the user's mistakes that cells answer differently."""
        frame = self.usual()
        mistakes = frame[(frame["family"] == MISTAKES) & applying(frame)]
        reasons = mistakes["reason"].astype(object).fillna("").astype(str)
        answer = mistakes["verdict"].astype(str) + " " + reasons
        sides = [mistakes["case"].astype(str), mistakes["mode"].astype(str)]
        differing = answer.groupby(sides).nunique()
        return frozenset(differing[differing > 1].index)

    def counted(self) -> pd.DataFrame:
        """The outcomes without cures and without user's mistakes answered alike everywhere."""
        return without_mistakes(self.usual(), self.telling_mistakes())


def without_mistakes(frame: pd.DataFrame, but: frozenset[tuple[str, str]]) -> pd.DataFrame:
    """The outcomes without those of user's mistakes.

    Args:
        frame: Outcomes.
        but: Case and mode of the mistakes that stay.
    """
    keys = pd.MultiIndex.from_frame(frame[["case", "mode"]].astype(str))
    return frame[(frame["family"] != MISTAKES) | keys.isin(list(but))]


_CELL_COLUMNS = [
    "id",
    "declared",
    "verdict",
    "reason",
    "message",
    "python",
    "torch",
    "cuda",
    "numpy",
    "machine",
    "packages",
    "trusted",
    "distrust",
    "prepare_seconds",
    "reused",
]


def _cell_row(cell: CellRecord) -> list[object]:
    facts = cell.facts
    return [
        cell.id,
        cell.declared,
        cell.verdict.value,
        cell.reason.value if cell.reason else None,
        cell.message,
        facts.python if facts else None,
        facts.torch if facts else None,
        facts.torch_cuda if facts else None,
        facts.numpy if facts else None,
        facts.machine if facts else None,
        " ".join(cell.packages),
        cell.trusted,
        cell.distrust,
        cell.prepare_seconds,
        cell.reused,
    ]


def applying(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which outcomes apply, as :func:`ckptmatrix.report.squares.applies` says of one."""
    return frame["verdict"].isin(APPLIES)


def good(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which are good, as :func:`ckptmatrix.report.squares.is_good` says of one."""
    return applying(frame) & frame["as_expected"]


def _rank(frame: pd.DataFrame) -> pd.Series[int]:
    """What decides a square, as a number: the tens say how much it weighs, the rest which verdict.

    The same order as :func:`ckptmatrix.report.squares.fold`.
    """
    rank = frame["verdict"].cat.codes.astype(int)
    wrong = applying(frame) & ~frame["as_expected"]
    unnoticed = wrong & (frame["verdict"] == Verdict.OK)
    rank = rank.mask(unnoticed, _BY_SEVERITY.index(Verdict.CHANGED))
    bad = wrong | (frame["verdict"] == Verdict.ERROR)
    rank = rank.mask(bad, rank + 20)
    return rank.mask(good(frame), 10 + _BY_SEVERITY.index(Verdict.OK))


def _categorised(frame: pd.DataFrame, run: RunRecord) -> pd.DataFrame:
    """Put categories in the order people expect: the matrix's, the catalogue's, severity, trust."""
    cells = [cell.id for cell in run.cells]
    orders = {
        "producer": cells,
        "consumer": cells,
        "case": list(run.cases),
        "family": [family for family, _ in run.cases.values()],
        "mode": [mode.value for mode in Mode],
        "verdict": _BY_SEVERITY,
        "reason": [reason.value for reason in Reason],
        "stage": [stage.value for stage in Stage],
    }
    for column in COLUMNS:
        if column.kind == "category":
            seen = [str(name) for name in frame[column.name].cat.categories]
            order = list(dict.fromkeys([*orders.get(column.name, []), *seen]))
            ordered = column.name in {"mode", "verdict"}
            frame[column.name] = frame[column.name].cat.set_categories(order, ordered=ordered)
    return frame
