"""Two runs laid side by side, load by load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ckptmatrix.errors import UsageError
from ckptmatrix.report.diff.change import Answer, Change, answer, change
from ckptmatrix.report.diff.environments import EnvironmentChange, environment_changes
from ckptmatrix.report.frames import without_mistakes
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.frames import RunFrames

__all__ = ["KEY", "Diff", "compare"]

#: What a load is known by in every run.
KEY = ["producer", "consumer", "case", "producer_device", "device", "mode"]
#: What a save is known by.
_SAVE_KEY = ["producer", "case", "device"]
_TOLD = ["verdict", "reason", "as_expected", "flaky", "message", "entity", "cause"]
_SAVE_TOLD = ["verdict", "reason", "as_expected", "flaky", "message"]


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What is not as it was.

    Attributes:
        base: The run it is compared with, without its outcomes.
        head: The run that is told about, likewise.
        loads: One row a load of either run that counts (``report.squares``): ``KEY``, ``change``,
            and ``verdict``, ``reason``, ``message``, ``entity``, ``cause`` with ``was_`` before
            them for those of the baseline; missing where a run does not have the load. ``since``
            and ``runs``: id of the run since which it is as it is now, and how many have said so;
            missing where no history was asked. Of a run that was asked for some cells or cases
            only, what it was not asked for is left out.
        saves: The same of the saves, known by producer, case and device.
        environments: Cells of both runs that are not the environments they were.
    """

    base: RunRecord
    head: RunRecord
    loads: pd.DataFrame
    saves: pd.DataFrame
    environments: tuple[EnvironmentChange, ...]

    def counts(self) -> dict[Change, int]:
        """Change → loads, in the order of :class:`Change`, only those that occur."""
        found = self.loads["change"].value_counts()
        return {each: int(found[each]) for each in Change if found.get(each, 0)}


def compare(base: RunFrames, head: RunFrames, past: pd.DataFrame | None = None) -> Diff:
    """Say what became of every load.

    Args:
        base: The earlier run.
        head: The later one.
        past: What earlier runs of the matrix say (``report.history.History.table``), for how long
            something has been as it is.

    Raises:
        UsageError: One of them has a load or save twice.
    """
    cells = {cell.id for cell in base.run.cells}
    # A mistake counts in both runs when it does in one: else its loads would come and go.
    telling = base.telling_mistakes() | head.telling_mistakes()
    was, now = (without_mistakes(run.usual(), telling) for run in (base, head))
    if head.run.partial:
        was = was[_asked_for(was, head.run, "producer", "consumer")]
    loads = _joined(was, now, KEY, _TOLD)
    loads["change"] = [
        change(
            was,
            now,
            same_way=same_way,
            known_cells=producer in cells and consumer in cells,
            flaky=flaky,
        ).value
        for was, now, same_way, flaky, producer, consumer in zip(
            *_sides(loads, _answer), loads["producer"], loads["consumer"], strict=True
        )
    ]
    if past is not None:
        known = past[[*KEY, "since", "runs"]]
        loads = loads.merge(known, on=KEY, how="left", validate="one_to_one")
    else:
        loads[["since", "runs"]] = None
    loads = loads.astype(object).where(loads.notna(), None)
    saved = _saves(base)
    if head.run.partial:
        saved = saved[_asked_for(saved, head.run, "producer")]
    saves = _joined(saved, _saves(head), _SAVE_KEY, _SAVE_TOLD)
    saves["change"] = [
        change(was, now, same_way=same_way, known_cells=producer in cells, flaky=flaky).value
        for was, now, same_way, flaky, producer in zip(
            *_sides(saves, _saved), saves["producer"], strict=True
        )
    ]
    return Diff(
        base=base.run,
        head=head.run,
        loads=loads,
        saves=saves,
        environments=environment_changes(base.run, head.run),
    )


def _asked_for(frame: pd.DataFrame, run: RunRecord, *sides: str) -> pd.Series[bool]:
    """Which rows are about cells and cases of a run that was asked for some of them only."""
    cells = [cell.id for cell in run.cells]
    chosen = frame["case"].isin(list(run.cases))
    for side in sides:
        chosen &= frame[side].isin(cells)
    return chosen


def _joined(
    base: pd.DataFrame, head: pd.DataFrame, key: list[str], told: list[str]
) -> pd.DataFrame:
    """Both frames in one, in the order of the later, then what only the earlier has."""
    now, was = (_plain(frame[[*key, *told]]) for frame in (head, base))
    for frame in (now, was):
        if (twice := frame.duplicated(key)).any():
            first = " ".join(map(str, frame.loc[twice, key].iloc[0]))
            msg = f"a run is damaged: it has this twice: {first}\n    fix: run the matrix again"
            raise UsageError(msg)
    was = was.rename(columns={name: f"was_{name}" for name in told})
    both = now.merge(was, on=key, how="outer", sort=False, validate="one_to_one")
    order = {each: number for number, each in enumerate(zip(*(now[k] for k in key), strict=True))}
    last = len(order)
    place = [order.get(each, last) for each in zip(*(both[k] for k in key), strict=True)]
    both = both.iloc[pd.Series(place).argsort(kind="stable")].reset_index(drop=True)
    return both.astype(object).where(both.notna(), None)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories of two runs are not the same ones, so that only text can be joined."""
    return frame.astype(
        {
            name: object
            for name, dtype in frame.dtypes.items()
            if isinstance(dtype, pd.CategoricalDtype)
        }
    )


def _sides(
    both: pd.DataFrame, answered: Callable[[str | None, str | None, bool], Answer]
) -> tuple[list[Answer], list[Answer], list[bool], list[bool]]:
    """What the baseline says, what the run says, whether in the same way, and whether flaky."""
    was, now = (
        [
            answered(verdict, reason, as_expected is True)
            for verdict, reason, as_expected in zip(
                *(both[f"{side}{name}"] for name in ("verdict", "reason", "as_expected")),
                strict=True,
            )
        ]
        for side in ("was_", "")
    )
    names = ("verdict", "reason", "was_verdict", "was_reason", "flaky", "was_flaky")
    every = list(zip(*(both[name] for name in names), strict=True))
    same_way = [(v, r) == (was_v, was_r) for v, r, was_v, was_r, _, _ in every]
    flaky = [now_flaky is True and was_flaky is not True for *_, now_flaky, was_flaky in every]
    return was, now, same_way, flaky


def _answer(verdict: str | None, reason: str | None, as_expected: bool) -> Answer:  # noqa: FBT001 - a column
    if verdict is None:
        return Answer.ABSENT
    return answer(verdict, reason, as_expected=as_expected)


def _saves(run: RunFrames) -> pd.DataFrame:
    """The saves, each with whether it is what its case expects."""
    saves = run.saves()
    expected = run.expected_failures()
    keys = zip(saves["producer"], saves["case"], saves["device"], strict=True)
    failed = saves["verdict"] == Verdict.FAILED
    return saves.assign(as_expected=~failed | pd.Series([key in expected for key in keys]))


def _saved(verdict: str | None, _reason: str | None, as_expected: bool) -> Answer:  # noqa: FBT001 - a column
    """A save that failed is a failure of its own; the loads it takes with it are lost."""
    match verdict:
        case None:
            return Answer.ABSENT
        case Verdict.OK | Verdict.FAILED:
            return Answer.GOOD if as_expected else Answer.BAD
        case Verdict.UNSUPPORTED:
            return Answer.NOTHING
        case _:
            return Answer.UNKNOWN
