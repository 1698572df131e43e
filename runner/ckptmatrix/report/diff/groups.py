"""What became of thousands of loads, in a few sentences."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.phrases import phrase
from ckptmatrix.report.text import counted_noun, in_order, listed, plain
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.diff.compare import Diff

__all__ = ["ChangeGroup", "groups"]

_Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """Loads, or saves, of which the same can be said.

    Attributes:
        change: What became of them.
        verdict: What decides symbol and colour: what is now, or was where nothing is now.
        headline: One sentence without its end.
        where: Which producers and consumers; may be empty.
        cases: Names of the cases, in order.
        producers: Cells that saved, in order.
        consumers: Cells that loaded, in order; empty for saves.
        modes: How it was loaded, in order; empty for saves.
        loads: How many loads, or saves.
        silent: Whether nobody is told: it loads, and is different or should not have.
        example: One message, as the cell gave it; may be empty.
        cause: Why, where that is known.
        since: Id of the run since which the oldest of them is as it is now; empty where no history
            was asked.
        runs: How many runs have said so.
    """

    change: Change
    verdict: Verdict
    headline: str
    where: str = ""
    cases: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    loads: int = 0
    silent: bool = False
    example: str = ""
    cause: str = ""
    since: str = ""
    runs: int = 0

    @property
    def sentence(self) -> str:
        """Headline, place, count, and of what is not new since when."""
        place = f" — {self.where}" if self.where else ""
        count = counted_noun(self.loads, "load" if self.consumers else "save")
        old = self.since and self.change is Change.STILL
        age = f", since {self.since}, {counted_noun(self.runs, 'run')}" if old else ""
        return f"{self.headline}{place} ({count}{age})"


def groups(diff: Diff) -> tuple[ChangeGroup, ...]:
    """Everything that is not as it was, the most urgent first.

    Cells that came or went are one sentence each. Other loads are told together when the same
    happens to them for the same reason and it is about the same thing (``entity``), or when it
    happens to the same cases between the same cells.
    """
    scope = _Scope(diff)
    found = [*_cells(diff, scope)]
    rows = defaultdict(list)
    for row in _rows(diff.loads):
        if not scope.is_told_of_a_cell(row):
            rows[_alike(row)].append(row)
    for row in _rows(diff.saves):
        if row["producer"] not in scope.gone:
            rows[(*_alike(row), row["case"])].append(row)
    found += _merged([scope.group(each) for each in rows.values()])
    order = list(Change)
    return tuple(
        sorted(
            found,
            key=lambda g: (order.index(g.change), not g.silent, -g.loads, g.headline),
        )
    )


def _rows(frame: pd.DataFrame) -> Iterator[_Row]:
    chosen = frame[frame["change"] != Change.SAME]
    names = [str(name) for name in chosen.columns]
    for values in chosen.itertuples(index=False, name=None):
        row = dict(zip(names, values, strict=True))
        # A load between a new cell and another that goes well is no news.
        if row["change"] != Change.NEW_CELL or not row["as_expected"]:
            yield row


def _alike(row: _Row) -> tuple[Any, ...]:
    change = Change(row["change"])
    if change is Change.LOST:
        now = (row["verdict"], row["reason"], plain(row["message"] or "", 200))
        return (change, *now)
    if change is Change.FIXED:
        return (change, row["was_verdict"], row["was_reason"], row.get("was_entity") or "")
    if change is Change.FLAKY:
        return (change,)
    before = (row["was_verdict"], row["was_reason"]) if change is Change.CHANGED_REASON else ()
    # What names nothing may be anything: then only loads of one case belong together.
    about = row.get("entity") or f"case {row['case']}"
    return (change, row["verdict"], row["reason"], about, *before)


def _cells(diff: Diff, scope: _Scope) -> Iterator[ChangeGroup]:
    """Cells that only one of the runs has, or could use."""
    lost: dict[str, int] = defaultdict(int)
    new: dict[str, int] = defaultdict(int)
    for change, producer, consumer in zip(
        diff.loads["change"], diff.loads["producer"], diff.loads["consumer"], strict=True
    ):
        for cell in {producer, consumer}:
            lost[cell] += change == Change.LOST
            new[cell] += change == Change.NEW_CELL
    now = {cell.id: cell for cell in diff.head.cells}
    for cell in scope.gone:
        if cell in now:
            said = plain(now[cell].message) or phrase(now[cell].reason)
            headline = f"{cell} could not be used: {said}"
        else:
            headline = f"{cell} is not in the run any more"
        yield ChangeGroup(
            change=Change.LOST,
            verdict=Verdict.ERROR,
            headline=headline,
            consumers=(cell,),
            loads=lost[cell],
        )
    for cell in scope.come:
        yield ChangeGroup(
            change=Change.NEW_CELL,
            verdict=Verdict.OK,
            headline=f"{cell} is new",
            consumers=(cell,),
            loads=new[cell],
        )


def _merged(found: Iterable[ChangeGroup]) -> list[ChangeGroup]:
    """Groups that differ only in what it is about are one, when all else is the same."""
    alike: defaultdict[tuple[object, ...], list[ChangeGroup]] = defaultdict(list)
    for group in found:
        key = (group.change, group.verdict, group.cases, group.producers, group.consumers)
        alike[key].append(group)
    merged = []
    for first, *others in alike.values():
        if not others:
            merged.append(first)
            continue
        every = [first, *others]
        merged.append(
            replace(
                first,
                headline=f"{first.headline}, and {counted_noun(len(others), 'other way')}",
                modes=tuple(dict.fromkeys(mode for group in every for mode in group.modes)),
                loads=sum(group.loads for group in every),
                silent=any(group.silent for group in every),
                since=max(every, key=lambda group: group.runs).since,
                runs=max(group.runs for group in every),
            )
        )
    return merged


class _Scope:
    """Which cells, cases and modes there are, in order, and which came or went as a whole."""

    def __init__(self, diff: Diff) -> None:
        runs: Sequence[RunRecord] = (diff.head, diff.base)
        self._cells = _places(cell.id for run in runs for cell in run.cells)
        self._cases = _places(case for run in runs for case in run.cases)
        usable = [{cell.id for cell in run.cells if cell.verdict is Verdict.OK} for run in runs]
        now, was = usable
        before = {cell.id for cell in diff.base.cells}
        sides = (diff.loads[name] for name in ("case", "producer", "consumer"))
        self._tried: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for case, producer, consumer in zip(*sides, strict=True):
            self._tried[case].add((producer, consumer))
        #: Cells that the baseline could use and the run could not, or does not have.
        self.gone = tuple(cell for cell in self._cells if cell in was - now)
        #: Cells that the baseline does not have.
        self.come = tuple(cell for cell in self._cells if cell in now - before)

    def is_told_of_a_cell(self, row: _Row) -> bool:
        """Whether a sentence about a whole cell says this already."""
        if row["change"] != Change.LOST:
            return False
        return row["producer"] in self.gone or row["consumer"] in self.gone

    def _where(
        self,
        rows: Sequence[_Row],
        cases: Sequence[str],
        producers: Sequence[str],
        consumers: Sequence[str],
    ) -> str:
        """Between which cells, of those between which these cases were loaded or saved at all."""
        if not consumers:
            return f"by {listed(producers)}"
        tried = {pair for case in cases for pair in self._tried[case]}
        if {(row["producer"], row["consumer"]) for row in rows} >= tried:
            return "everywhere"
        parts = []
        if not {producer for producer, _ in tried} <= set(producers):
            parts.append(f"saved by {listed(producers)}")
        if not {consumer for _, consumer in tried} <= set(consumers):
            parts.append(f"loaded in {listed(consumers)}")
        return ", ".join(parts) or "in every cell, not from every cell"

    def group(self, rows: Sequence[_Row]) -> ChangeGroup:
        """One group of rows that are alike."""
        first = rows[0]
        change = Change(first["change"])
        cases = in_order({row["case"] for row in rows}, self._cases)
        producers = in_order({row["producer"] for row in rows}, self._cells)
        consumers = in_order({row.get("consumer") or "" for row in rows} - {""}, self._cells)
        verdict, silent, what = _said(change, first)
        kind = "" if consumers else "saving "
        where = self._where(rows, cases, producers, consumers)
        # A save has no history.
        oldest = max(rows, key=lambda row: int(row.get("runs") or 0))
        return ChangeGroup(
            change=change,
            verdict=verdict,
            headline=f"{kind}{listed(cases)}: {what}",
            where=where,
            cases=cases,
            producers=producers,
            consumers=consumers,
            modes=tuple(dict.fromkeys(row["mode"] for row in rows if "mode" in row)),
            loads=len(rows),
            silent=silent,
            # What was lost has said it in its headline.
            example=""
            if change is Change.LOST
            else next((row["message"] for row in rows if row["message"]), ""),
            cause=next((row["cause"] for row in rows if row.get("cause")), ""),
            since=oldest.get("since") or "",
            runs=int(oldest.get("runs") or 0),
        )


def _said(change: Change, row: _Row) -> tuple[Verdict, bool, str]:
    """Verdict to show, whether it is silent, and what happened."""
    if change is Change.FIXED:
        was = _phrase(row["was_verdict"], row["was_reason"], row.get("was_entity"))
        return Verdict.OK, False, f"as expected now; before, {was}"
    if change is Change.LOST:
        if row["verdict"] is None:
            return Verdict.ERROR, False, "not in the run any more"
        why = plain(row["message"] or "", 200) or _phrase(row["verdict"], row["reason"], None)
        return Verdict(row["verdict"]), False, f"no answer any more: {why}"
    if change is Change.FLAKY:
        return Verdict.ERROR, False, "does not answer the same when repeated"
    verdict = Verdict(row["verdict"])
    silent = verdict in {Verdict.OK, Verdict.CHANGED}
    now = _phrase(row["verdict"], row["reason"], row.get("entity"))
    if change is Change.CHANGED_REASON:
        now = f"{now}; before, {_phrase(row['was_verdict'], row['was_reason'], None)}"
    return (Verdict.CHANGED if silent else verdict), silent, now


def _phrase(verdict: str, reason: str | None, entity: str | None) -> str:
    if reason is None and verdict == Verdict.OK:
        return "it loads"
    return phrase(Reason(reason) if reason else None, plain(entity or "", 200))


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(dict.fromkeys(names))}
