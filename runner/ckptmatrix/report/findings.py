"""What matters most in a run, in sentences.

Loads that are not as expected are grouped by what went wrong and where: by reason and entity first,
then groups that concern the same producers and consumers become one. What could not be measured
comes first, then what loads but is different, then what does not load, each by how many squares of
the producer by consumer table it explains.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.report.advice import NONE, Advice, advise
from ckptmatrix.report.phrases import phrase
from ckptmatrix.report.squares import applies, counted
from ckptmatrix.report.text import counted_noun, in_order, listed, plain
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import CellRecord, RunRecord

__all__ = ["Finding", "find"]

#: Reasons that are one decision of the reader, however many things it meets.
_ONE_CAUSE = frozenset({Reason.WEIGHTS_ONLY_REFUSED})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing worth knowing.

    Attributes:
        verdict: ``error``, ``changed`` or ``failed``; decides symbol and colour.
        reason: Of all its loads; None when a mistake was not noticed.
        headline: One sentence without its end.
        where: Which producers, consumers, modes; may be empty.
        cases: Names of the cases, in the catalogue's order.
        producers: Cells that saved, in the matrix's order.
        consumers: Cells that loaded, in the matrix's order.
        loads: How many loads it explains.
        squares: In how many squares of the table.
        example: One message, as the cell gave it; may be empty.
        advice: Why, and what to do about it.
    """

    verdict: Verdict
    reason: Reason | None
    headline: str
    where: str = ""
    cases: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    loads: int = 0
    squares: int = 0
    example: str = ""
    advice: Advice = NONE

    @property
    def sentence(self) -> str:
        """Headline, place and count: what a terminal or a list shows."""
        parts = [self.headline]
        if self.where:
            parts.append(f" — {self.where}")
        if self.loads:
            parts.append(f" ({counted_noun(self.loads, 'load')})")
        return "".join(parts)


def find(run: RunRecord) -> tuple[Finding, ...]:
    """All findings of a run, the most important first."""
    scope = _Scope(run)
    unusable = {cell.id for cell in run.cells if cell.verdict is Verdict.ERROR}
    outcomes = counted(run.outcomes)
    # A remedy that could not be tried is missing from the advice, so that is not hidden.
    tried = (*outcomes, *(o for o in run.outcomes if o.mode.is_cure))
    wrong = [o for o in outcomes if applies(o) and not o.judgement.as_expected]
    unmeasured = [
        o
        for o in tried
        if o.judgement.verdict is Verdict.ERROR
        and o.producer not in unusable
        and o.consumer not in unusable
    ]
    flaky = [o for o in tried if o.judgement.flaky]
    return (
        *_cells(run.cells),
        *_ranked(scope.findings(unmeasured)),
        *_ranked(scope.findings([o for o in wrong if _shown(o) is Verdict.CHANGED])),
        *_ranked(scope.findings([o for o in wrong if _shown(o) is Verdict.FAILED])),
        *_saves_in_error(run, unusable, scope),
        *_saves(run, scope),
        *_flaky_saves(run, scope),
        *_flaky(flaky, scope),
    )


def _shown(outcome: Outcome) -> Verdict:
    """A mistake that loads as if nothing were wrong is as silent as a change."""
    verdict = outcome.judgement.verdict
    return Verdict.CHANGED if verdict is Verdict.OK else verdict


def _ranked(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (-f.squares, -f.loads, f.headline))


def _cells(cells: Sequence[CellRecord]) -> list[Finding]:
    """Cells that could not be used, or whose controls misbehaved."""
    groups = defaultdict(list)
    for cell in cells:
        if cell.verdict is Verdict.ERROR:
            groups[cell.reason, plain(cell.message)].append(cell.id)
    found = [
        Finding(
            verdict=Verdict.ERROR,
            reason=reason,
            headline=f"could not be measured: {listed(ids)}: {message or phrase(reason)}",
            consumers=tuple(ids),
        )
        for (reason, message), ids in groups.items()
    ]
    found += [
        Finding(
            verdict=Verdict.ERROR,
            reason=None,
            headline=f"do not trust {cell.id}: {plain(cell.distrust) or 'its controls misbehaved'}",
            consumers=(cell.id,),
        )
        for cell in cells
        if cell.trusted is False
    ]
    return found


def _saves(run: RunRecord, scope: _Scope) -> list[Finding]:
    """Failed saves that their cases do not expect."""
    unexpected = {
        (outcome.producer, outcome.case, outcome.producer_device)
        for outcome in run.outcomes
        if outcome.judgement.reason is Reason.SAVE_FAILED and not outcome.judgement.as_expected
    }
    groups = defaultdict(list)
    for save in run.saves:
        if (save.producer, save.case, save.device) in unexpected:
            groups[save.case, save.reason].append(save)
    return [
        Finding(
            verdict=Verdict.FAILED,
            reason=reason,
            headline=f"cannot be saved: {case}: {phrase(reason)}",
            where=f"by {listed(scope.cells_in_order({save.producer for save in saves}))}",
            cases=(case,),
            producers=scope.cells_in_order({save.producer for save in saves}),
            example=saves[0].message,
            advice=advise(save.diagnosis for save in saves),
        )
        for (case, reason), saves in groups.items()
    ]


def _saves_in_error(run: RunRecord, unusable: set[str], scope: _Scope) -> list[Finding]:
    """Saves without an answer in usable cells, where no load tells of them as its own."""
    told = {
        (outcome.producer, outcome.case, outcome.producer_device)
        for outcome in run.outcomes
        if outcome.judgement.verdict is Verdict.ERROR
    }
    groups = defaultdict(list)
    for save in run.saves:
        known = (save.producer, save.case, save.device) in told or save.producer in unusable
        if save.verdict is Verdict.ERROR and not known:
            groups[save.reason, plain(save.message)].append(save)
    found = []
    for (reason, message), saves in groups.items():
        cases = scope.cases_in_order({save.case for save in saves})
        producers = scope.cells_in_order({save.producer for save in saves})
        found.append(
            Finding(
                verdict=Verdict.ERROR,
                reason=reason,
                headline=f"could not be saved: {listed(cases)}: {message or phrase(reason)}",
                where=f"by {listed(producers)}",
                cases=cases,
                producers=producers,
            )
        )
    return found


def _flaky_saves(run: RunRecord, scope: _Scope) -> list[Finding]:
    """Saves that failed once and then succeeded."""
    flaky = [save for save in run.saves if save.flaky]
    if not flaky:
        return []
    cases = scope.cases_in_order({save.case for save in flaky})
    producers = scope.cells_in_order({save.producer for save in flaky})
    return [
        Finding(
            verdict=Verdict.ERROR,
            reason=None,
            headline=f"was saved only when it was tried again: {listed(cases)}",
            where=f"by {listed(producers)}",
            cases=cases,
            producers=producers,
        )
    ]


def _flaky(flaky: Sequence[Outcome], scope: _Scope) -> list[Finding]:
    if not flaky:
        return []
    cases = scope.cases_in_order({outcome.case for outcome in flaky})
    consumers = scope.cells_in_order({outcome.consumer for outcome in flaky})
    return [
        Finding(
            verdict=Verdict.ERROR,
            reason=None,
            headline=f"does not answer the same when repeated: {listed(cases)}",
            where=f"in {listed(consumers)}",
            cases=cases,
            consumers=consumers,
            loads=len(flaky),
        )
    ]


class _Scope:
    """What was tried at all: decides whether a group is about its producers or its consumers."""

    def __init__(self, run: RunRecord) -> None:
        self._cells = {cell.id: position for position, cell in enumerate(run.cells)}
        self._cases = {name: position for position, name in enumerate(run.cases)}
        self._tried: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._modes: defaultdict[str, set[str]] = defaultdict(set)
        for outcome in run.outcomes:
            if applies(outcome):
                self._tried[outcome.case].add((outcome.producer, outcome.consumer))
                self._modes[outcome.case].add(outcome.mode.value)

    def cells_in_order(self, cells: Iterable[str]) -> tuple[str, ...]:
        return in_order(cells, self._cells)

    def cases_in_order(self, cases: Iterable[str]) -> tuple[str, ...]:
        return in_order(cases, self._cases)

    def findings(self, outcomes: Iterable[Outcome]) -> list[Finding]:
        """Group outcomes, and groups of outcomes that concern the same squares."""
        by_cause = defaultdict(list)
        for outcome in outcomes:
            judgement = outcome.judgement
            # A changed leaf has its own path in every case; a missing global is one in all.
            about = outcome.case if _shown(outcome) is Verdict.CHANGED else judgement.entity
            if judgement.reason in _ONE_CAUSE:
                about = judgement.reason.value
            cause = (judgement.verdict, judgement.reason, about or outcome.case)
            by_cause[cause].append(outcome)
        by_place = defaultdict(list)
        for (verdict, reason, _), group in by_cause.items():
            entities = sorted({o.judgement.entity for o in group})
            entity = listed(entities) if len(entities) == 1 or reason in _ONE_CAUSE else ""
            squares = frozenset((o.producer, o.consumer) for o in group)
            key = entity if verdict is not Verdict.CHANGED else ""
            by_place[verdict, reason, key, squares].extend(group)
        return [
            self._finding(reason, entity, group)
            for (_, reason, entity, _), group in by_place.items()
        ]

    def _finding(self, reason: Reason | None, entity: str, group: Sequence[Outcome]) -> Finding:
        cases = self.cases_in_order({o.case for o in group})
        producers = self.cells_in_order({o.producer for o in group})
        consumers = self.cells_in_order({o.consumer for o in group})
        verdict = _shown(group[0])
        lead = {
            Verdict.CHANGED: "loads but is different",
            Verdict.FAILED: "does not load",
            Verdict.ERROR: "could not be measured",
        }[verdict]
        if reason is None:
            lead = "a mistake goes unnoticed"
        return Finding(
            verdict=verdict,
            reason=reason,
            headline=f"{lead}: {listed(cases)}: {phrase(reason, plain(entity, 200))}",
            where=self._where(cases, producers, consumers, {o.mode.value for o in group}),
            cases=cases,
            producers=producers,
            consumers=consumers,
            loads=len(group),
            squares=len({(o.producer, o.consumer) for o in group}),
            example=next((o.judgement.message for o in group if o.judgement.message), ""),
            advice=advise(o.diagnosis for o in group) if verdict is not Verdict.ERROR else NONE,
        )

    def _where(
        self,
        cases: Sequence[str],
        producers: Sequence[str],
        consumers: Sequence[str],
        modes: set[str],
    ) -> str:
        tried = {pair for case in cases for pair in self._tried[case]}
        all_producers = {producer for producer, _ in tried} <= set(producers)
        all_consumers = {consumer for _, consumer in tried} <= set(consumers)
        parts = []
        if not all_producers:
            parts.append(f"saved by {listed(producers)}")
        if not all_consumers:
            parts.append(f"loaded in {listed(consumers)}")
        if not parts and tried:
            parts.append("everywhere")
        if modes < {mode for case in cases for mode in self._modes[case]}:
            parts.append(f"mode {listed(sorted(modes), most=5)}")
        return ", ".join(parts)
