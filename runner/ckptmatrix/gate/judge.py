"""Whether a run passes: its diff, less what is expected, held against the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ckptmatrix.gate.accepted import Known, accept
from ckptmatrix.gate.policy import Rule
from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.compare import KEY, Diff, compare
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.text import counted_noun
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import pandas as pd

    from ckptmatrix.gate.expectations import Expectation
    from ckptmatrix.report.frames import RunFrames

__all__ = ["Breach", "Gate", "judge_run"]

_NEWS = frozenset({Change.NEW_FAILURE, Change.CHANGED_REASON, Change.FIRST_SEEN, Change.NEW_CELL})
_FAILING = _NEWS | {Change.STILL}


@dataclass(frozen=True, kw_only=True)
class Breach:
    """One rule that the run breaks.

    Attributes:
        rule: Which.
        count: How many loads, saves, cells or expectations break it.
        sentences: What they are, the worst first.
    """

    rule: Rule
    count: int
    sentences: tuple[str, ...]


class _Finder(Protocol):
    """Finds what breaks one rule."""

    def __call__(
        self, head: RunFrames, diff: Diff, known: Sequence[Known], rule: Rule, /
    ) -> Breach: ...


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Whether a run passes, and why not.

    Attributes:
        breaches: In the order of :class:`Rule`; empty when it passes.
        known: What became of each expectation.
        accepted: How many loads that are not as they should be are expected.
        rules: What was asked.
        diff: What was compared, less what is expected.
    """

    breaches: tuple[Breach, ...]
    known: tuple[Known, ...]
    accepted: int
    rules: tuple[Rule, ...]
    diff: Diff

    @property
    def passes(self) -> bool:
        """Whether no rule is broken."""
        return not self.breaches


def judge_run(
    base: RunFrames,
    head: RunFrames,
    *,
    rules: Collection[Rule],
    expectations: Sequence[Expectation] = (),
    today: date,
) -> Gate:
    """Hold a run against the rules.

    Args:
        base: The baseline; the run itself where there is none, so that nothing is new.
        head: The run.
        rules: What must not be.
        expectations: Loads that are known not to be as they should; until they expire, they break
            no rule.
        today: Decides which have expired.
    """
    diff = compare(base, head)
    known, accepted = accept(head, expectations, today)
    marked = diff.loads[KEY].merge(accepted, on=KEY, how="left", indicator=True)["_merge"]
    expected = (marked == "both").to_numpy() & diff.loads["change"].isin(_FAILING).to_numpy()
    left = replace(diff, loads=diff.loads[~expected].reset_index(drop=True))
    asked = tuple(rule for rule in Rule if rule in rules)
    found = (_FINDERS[rule](head, left, known, rule) for rule in asked)
    return Gate(
        breaches=tuple(breach for breach in found if breach.count),
        known=known,
        accepted=int(expected.sum()),
        rules=asked,
        diff=left,
    )


def _changed(changes: Collection[Change], *, silent: bool = False) -> _Finder:
    """Finds loads and saves of which one of these is said."""

    def find(_head: RunFrames, diff: Diff, _known: Sequence[Known], rule: Rule) -> Breach:
        told = [
            group
            for group in groups(diff)
            # Of a cell that is new, its coming is no failure.
            if group.change in changes
            and group.verdict is not Verdict.OK
            and (group.silent or not silent)
        ]
        count = sum(
            int(_meant(frame, changes, silent=silent).sum()) for frame in (diff.loads, diff.saves)
        )
        return Breach(rule=rule, count=count, sentences=tuple(group.sentence for group in told))

    return find


def _meant(frame: pd.DataFrame, changes: Collection[Change], *, silent: bool) -> pd.Series[bool]:
    meant = frame["change"].isin([change.value for change in changes])
    # Of a new cell what goes well is no failure.
    meant &= (frame["change"] != Change.NEW_CELL) | (frame["as_expected"] == False)  # noqa: E712 - may be missing
    if silent:
        meant &= frame["verdict"].isin([Verdict.OK.value, Verdict.CHANGED.value])
        # A save that goes well changes nothing silently.
        meant &= "mode" in frame.columns
    return meant


def _flaky(_head: RunFrames, diff: Diff, _known: Sequence[Known], rule: Rule) -> Breach:
    loads = diff.loads[(diff.loads["flaky"] == True) & (diff.loads["was_flaky"] != True)]  # noqa: E712 - may be missing
    places = loads[["case", "consumer"]].drop_duplicates().itertuples(index=False, name=None)
    said = tuple(f"{case} in {consumer}" for case, consumer in places)
    return Breach(rule=rule, count=len(loads), sentences=said)


def _errors(head: RunFrames, _diff: Diff, _known: Sequence[Known], rule: Rule) -> Breach:
    frame = head.frame()
    failed = frame[frame["verdict"] == Verdict.ERROR]
    cells = [cell for cell in head.run.cells if cell.verdict is Verdict.ERROR]
    unusable = {cell.id for cell in cells}
    saves = [
        save
        for save in head.run.saves
        if save.verdict is Verdict.ERROR and save.producer not in unusable
    ]
    said = [f"{cell.id}: {cell.message or cell.reason}" for cell in cells]
    said += [f"saving {save.case} in {save.producer}: {save.message}" for save in saves]
    reasons = failed["reason"].astype(str).value_counts()
    said += [
        f"{reason}: {counted_noun(count, 'load')}" for reason, count in reasons.items() if count
    ]
    return Breach(rule=rule, count=len(cells) + len(saves) + len(failed), sentences=tuple(said))


def _expired(_head: RunFrames, _diff: Diff, known: Sequence[Known], rule: Rule) -> Breach:
    said = tuple(each.says for each in known if each.expired)
    return Breach(rule=rule, count=len(said), sentences=said)


def _passing(_head: RunFrames, _diff: Diff, known: Sequence[Known], rule: Rule) -> Breach:
    said = tuple(each.says for each in known if not each.expired and not each.met)
    return Breach(rule=rule, count=len(said), sentences=said)


_FINDERS: dict[Rule, _Finder] = {
    Rule.NEW_FAILURE: _changed({Change.NEW_FAILURE}),
    Rule.SILENT: _changed(_NEWS, silent=True),
    Rule.LOST: _changed({Change.LOST}),
    Rule.ERROR: _errors,
    Rule.FAILURE: _changed(_FAILING),
    Rule.FLAKY: _flaky,
    Rule.EXPIRED: _expired,
    Rule.PASSING: _passing,
}
