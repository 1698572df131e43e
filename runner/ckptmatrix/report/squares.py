"""Outcomes folded into squares: one for every producer and consumer, or any other two sides.

What counts, everywhere in the report:

- A load *applies* when it is ``ok``, ``changed`` or ``failed``. ``unsupported`` and ``aborted`` say
  that there was nothing to load, ``error`` that nothing was learned; none is in a share.
- A load is *good* when it applies and is as its case expects: a damaged file that is refused is
  good, one that loads is not.
- A user's mistake (family ``user-mistakes``) that is answered alike everywhere says nothing about
  compatibility and is left out; one that is answered differently stays in.
- A cure (``Mode.is_cure``) is tried so that advice rests on what was seen. It is no way in which
  people load by themselves, and is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

__all__ = [
    "APPLIES",
    "MISTAKES",
    "Grid",
    "Square",
    "applies",
    "counted",
    "family_grid",
    "fold",
    "is_good",
    "pair_grid",
    "usual",
]

#: Family of checkpoints that are wrong on purpose.
MISTAKES = "user-mistakes"
#: Verdicts of loads for which there was something to load and an answer.
APPLIES = frozenset({Verdict.OK, Verdict.CHANGED, Verdict.FAILED})


def applies(outcome: Outcome) -> bool:
    """Whether something was loaded, or was not that should have been."""
    return outcome.judgement.verdict in APPLIES


def is_good(outcome: Outcome) -> bool:
    """Whether it applies and is as its case expects."""
    return applies(outcome) and outcome.judgement.as_expected


def usual(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes of modes in which people load by themselves."""
    return tuple(outcome for outcome in outcomes if not outcome.mode.is_cure)


def counted(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes without cures and without user's mistakes answered alike everywhere."""
    every = usual(outcomes)
    answers = defaultdict(set)
    for outcome in every:
        if outcome.family == MISTAKES and applies(outcome):
            answers[outcome.case, outcome.mode].add(
                (outcome.judgement.verdict, outcome.judgement.reason)
            )
    return tuple(
        outcome
        for outcome in every
        if outcome.family != MISTAKES or len(answers[outcome.case, outcome.mode]) > 1
    )


@dataclass(frozen=True, kw_only=True)
class Square:
    """What lies between one row and one column.

    Attributes:
        outcomes: What was folded.
        good: How many are good.
        applies: Out of how many.
        verdict: The worst that is not as expected; ``ok`` when all that applies is; None when there
            is no outcome at all.
    """

    outcomes: tuple[Outcome, ...]
    good: int
    applies: int
    verdict: Verdict | None

    @property
    def share(self) -> float | None:
        """Share of what applies that is good; None when nothing applies."""
        return self.good / self.applies if self.applies else None

    @property
    def text(self) -> str:
        """``41/57``, or nothing when nothing applies."""
        return f"{self.good}/{self.applies}" if self.applies else ""


def fold(outcomes: Iterable[Outcome]) -> Square:
    """Fold outcomes into one square."""
    every = tuple(outcomes)
    good = sum(map(is_good, every))
    bad = [
        _badness(outcome)
        for outcome in every
        if outcome.judgement.verdict is Verdict.ERROR
        or (applies(outcome) and not outcome.judgement.as_expected)
    ]
    if bad:
        verdict: Verdict | None = max(bad, key=lambda worst: worst.severity)
    elif good:
        verdict = Verdict.OK
    else:
        verdicts = (outcome.judgement.verdict for outcome in every)
        verdict = max(verdicts, key=lambda worst: worst.severity, default=None)
    return Square(outcomes=every, good=good, applies=sum(map(applies, every)), verdict=verdict)


def _badness(outcome: Outcome) -> Verdict:
    """A mistake that loads as if nothing were wrong is as silent as a change."""
    verdict = outcome.judgement.verdict
    return Verdict.CHANGED if verdict is Verdict.OK else verdict


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Squares in rows and columns.

    Attributes:
        rows: Names of the rows, in order.
        columns: Names of the columns, in order.
        squares: By (row, column); every combination is there.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    squares: dict[tuple[str, str], Square]


def pair_grid(run: RunRecord) -> Grid:
    """Producer by consumer, in the matrix's order, without cells for which nothing could exist."""
    outcomes = counted(run.outcomes)
    cells = [cell.id for cell in run.cells if cell.verdict is not Verdict.UNSUPPORTED]
    return _grid(outcomes, cells, cells, lambda o: o.producer, lambda o: o.consumer)


def family_grid(run: RunRecord) -> Grid:
    """Family by consumer, in the catalogue's order."""
    families = list(dict.fromkeys(family for family, _ in run.cases.values()))
    consumers = [cell.id for cell in run.cells if cell.verdict is not Verdict.UNSUPPORTED]
    outcomes = counted(run.outcomes)
    seen = {outcome.family for outcome in outcomes}
    families = [family for family in families if family in seen]
    return _grid(outcomes, families, consumers, lambda o: o.family, lambda o: o.consumer)


def _grid(
    outcomes: Sequence[Outcome],
    rows: Sequence[str],
    columns: Sequence[str],
    row: Callable[[Outcome], str],
    column: Callable[[Outcome], str],
) -> Grid:
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[row(outcome), column(outcome)].append(outcome)
    return Grid(
        rows=tuple(rows),
        columns=tuple(columns),
        squares={(r, c): fold(groups[r, c]) for r in rows for c in columns},
    )
