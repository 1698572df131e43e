"""Whether a run passes: its diff, less what is expected, held against the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ckptmatrix.gate.accepted import accept
from ckptmatrix.gate.policy import Rule
from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.compare import KEY, compare
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.text import counted_noun
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date

    import pandas as pd

    from ckptmatrix.gate.accepted import Known
    from ckptmatrix.gate.expectations import Expectation
    from ckptmatrix.report.diff.compare import Diff
    from ckptmatrix.report.diff.groups import ChangeGroup
    from ckptmatrix.report.frames import RunFrames

    #: How many break a rule, and what they are.
    _Found = tuple[int, list[str]]

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


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What rules are held against: a run, what is left of its diff, what became of expectations."""

    head: RunFrames
    diff: Diff
    groups: tuple[ChangeGroup, ...]
    known: tuple[Known, ...]


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
    held = _Held(head=head, diff=left, groups=groups(left), known=known)
    asked = tuple(rule for rule in Rule if rule in rules)
    found = {rule: _FINDERS[rule](held) for rule in asked}
    return Gate(
        breaches=tuple(
            Breach(rule=rule, count=count, sentences=tuple(said))
            for rule, (count, said) in found.items()
            if count
        ),
        known=known,
        accepted=int(expected.sum()),
        rules=asked,
        diff=left,
    )


def _changed(changes: Collection[Change], *, silent: bool = False) -> Callable[[_Held], _Found]:
    """Finds loads and saves of which one of these is said."""

    def find(held: _Held) -> _Found:
        said = [
            group.sentence
            for group in held.groups
            # Of a cell that is new, its coming is no failure.
            if group.change in changes
            and group.verdict is not Verdict.OK
            and (group.silent or not silent)
        ]
        frames = (held.diff.loads, held.diff.saves)
        return sum(int(_meant(each, changes, silent=silent).sum()) for each in frames), said

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


def _flaky(held: _Held) -> _Found:
    loads = held.diff.loads
    loads = loads[(loads["flaky"] == True) & (loads["was_flaky"] != True)]  # noqa: E712 - may be missing
    places = loads[["case", "consumer"]].drop_duplicates().itertuples(index=False, name=None)
    return len(loads), [f"{case} in {consumer}" for case, consumer in places]


def _errors(held: _Held) -> _Found:
    run, frame = held.head.run, held.head.frame()
    loads = frame[frame["verdict"] == Verdict.ERROR]
    cells = [cell for cell in run.cells if cell.verdict is Verdict.ERROR]
    unusable = {cell.id for cell in cells}
    failed = [save for save in run.saves if save.verdict is Verdict.ERROR]
    saves = [save for save in failed if save.producer not in unusable]
    reasons = loads["reason"].astype(str).value_counts()
    said = [f"{cell.id}: {cell.message or cell.reason}" for cell in cells]
    said += [f"saving {save.case} in {save.producer}: {save.message}" for save in saves]
    said += [f"{why}: {counted_noun(count, 'load')}" for why, count in reasons.items() if count]
    return len(cells) + len(saves) + len(loads), said


def _expired(held: _Held) -> _Found:
    said = [each.says for each in held.known if each.expired]
    return len(said), said


def _passing(held: _Held) -> _Found:
    said = [each.says for each in held.known if not each.expired and not each.met]
    return len(said), said


_FINDERS: dict[Rule, Callable[[_Held], _Found]] = {
    Rule.NEW_FAILURE: _changed({Change.NEW_FAILURE}),
    Rule.SILENT: _changed(_NEWS, silent=True),
    Rule.LOST: _changed({Change.LOST}),
    Rule.ERROR: _errors,
    Rule.FAILURE: _changed(_FAILING),
    Rule.FLAKY: _flaky,
    Rule.EXPIRED: _expired,
    Rule.PASSING: _passing,
}
