"""What the run's predictions were worth.

Counted are the loads that have a prediction and came to an answer: ``ok``, ``changed`` (both
loaded) or ``failed``. A load whose mode its consumer does not have, and what could not be measured,
is not among them. A prediction says that a load fails with a reason, or that it loads; for every
reason,

- precision is the share of the loads it was predicted for that failed with it;
- recall is the share of the loads that failed with it that it was predicted for;

and both are averaged over the reasons for which they are defined (*macro*), so that a rare reason
counts as much as a frequent one. What always says «loads» has recall 0 and no precision; what it is
right about is the share of loads that load.

Loads are apart by whether the consumer's release of torch is one whose behaviour the rules were
written from; and loads of the family ``user-mistakes`` are apart as everywhere: there the mistake
is in the code that loads, where no file shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ckptmatrix.predict.knowledge import held_out
from ckptmatrix.report.squares import MISTAKES
from ckptmatrix.report.text import counted_noun, listed
from ckptmatrix.words import Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

__all__ = [
    "Answer",
    "ReasonScore",
    "Score",
    "Scores",
    "Wrong",
    "score",
    "score_rows",
    "score_run",
    "sentences",
    "to_json",
]

_ANSWERED = frozenset({Verdict.OK, Verdict.CHANGED, Verdict.FAILED})
_MOST_RELEASES = 6
#: Reasons to fail after loading.
_LATER = frozenset({Reason.FORWARD_ERROR, Reason.RESUME_ERROR})


@dataclass(frozen=True)
class Answer:
    """What was predicted of one load, and what happened: a reason, or None for «loads»."""

    predicted: Reason | None
    happened: Reason | None


@dataclass(frozen=True, kw_only=True)
class ReasonScore:
    """What predictions of one reason were worth.

    Attributes:
        reason: The reason.
        predicted: How many loads it was predicted for.
        happened: How many loads failed with it.
        hit: How many are both.
    """

    reason: Reason
    predicted: int
    happened: int
    hit: int

    @property
    def precision(self) -> float | None:
        """Of those predicted; None when none was."""
        return self.hit / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Of those that happened; None when none did."""
        return self.hit / self.happened if self.happened else None


@dataclass(frozen=True, kw_only=True)
class Score:
    """What predictions of some loads were worth.

    Attributes:
        loads: How many.
        right: Of how many it was rightly said whether they load.
        loaded: How many loaded: what always saying «loads» is right about.
        reasons: By reason, in the vocabulary's order.
    """

    loads: int
    right: int
    loaded: int
    reasons: tuple[ReasonScore, ...]

    @property
    def precision(self) -> float | None:
        """Mean over reasons that were predicted; None when none was."""
        return _mean(each.precision for each in self.reasons)

    @property
    def recall(self) -> float | None:
        """Mean over reasons that happened; None when none did."""
        return _mean(each.recall for each in self.reasons)


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Loads that were predicted wrongly in the same way.

    Attributes:
        predicted: The reason predicted, or None.
        happened: The reason it failed with, or None.
        stage: Where it failed, or None.
        held_out: Whether the consumers' releases are not among those the rules were written from.
        loads: How many.
        example: One of them.
    """

    predicted: Reason | None
    happened: Reason | None
    stage: Stage | None
    held_out: bool
    loads: int
    example: Outcome

    @property
    def sentence(self) -> str:
        """One line: what was predicted, what happened, how often, and an example."""
        what = "was to load" if self.predicted is None else f"was to fail: {self.predicted}"
        where = "" if self.stage in {None, Stage.LOAD} else f" at {self.stage}"
        then = "loaded" if self.happened is None else f"failed{where}: {self.happened}"
        one = self.example
        return (
            f"{what}, {then} ({counted_noun(self.loads, 'load')}), as {one.case} "
            f"{one.producer} → {one.consumer}, mode {one.mode}"
        )


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a run's predictions were worth.

    Attributes:
        known: Loads by releases the rules were written from.
        held_out: Loads by all others.
        known_at_load: Those of ``known`` that did not fail later, and what was said of loading.
        held_out_at_load: Likewise of ``held_out``.
        mistakes: Loads of the family ``user-mistakes``, by all releases.
        releases: Releases of torch that were held out, in the matrix's order.
        wrong: Wrong predictions but those of mistakes, the most frequent first.
        loads: Every load of ``wrong``.
    """

    known: Score
    held_out: Score
    known_at_load: Score
    held_out_at_load: Score
    mistakes: Score
    releases: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    loads: tuple[Outcome, ...]


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def score(answers: Iterable[Answer]) -> Score:
    """What predictions were worth."""
    pairs = Counter(answers)
    predicted: Counter[Reason | None] = Counter()
    happened: Counter[Reason | None] = Counter()
    for answer, count in pairs.items():
        predicted[answer.predicted] += count
        happened[answer.happened] += count
    return Score(
        loads=pairs.total(),
        right=sum(
            count
            for answer, count in pairs.items()
            if (answer.predicted is None) == (answer.happened is None)
        ),
        loaded=happened[None],
        reasons=tuple(
            ReasonScore(
                reason=reason,
                predicted=predicted[reason],
                happened=happened[reason],
                hit=pairs[Answer(reason, reason)],
            )
            for reason in Reason
            if predicted[reason] or happened[reason]
        ),
    )


def score_run(run: RunRecord) -> Scores:
    """What the predictions of a run were worth."""
    torches = {cell.id: cell.facts.torch or "" for cell in run.cells if cell.facts is not None}
    counted = [
        outcome
        for outcome in run.outcomes
        if outcome.prediction is not None
        and outcome.judgement.verdict in _ANSWERED
        and outcome.consumer in torches
    ]
    others = [outcome for outcome in counted if outcome.family != MISTAKES]
    held = [outcome for outcome in others if held_out(torches[outcome.consumer])]
    known = [outcome for outcome in others if not held_out(torches[outcome.consumer])]
    wrong = [outcome for outcome in others if _is_wrong(outcome)]
    consumers = dict.fromkeys(torches[outcome.consumer] for outcome in held)
    return Scores(
        known=score(map(_answer, known)),
        held_out=score(map(_answer, held)),
        known_at_load=score(map(_answer_at_load, filter(_tells_of_loading, known))),
        held_out_at_load=score(map(_answer_at_load, filter(_tells_of_loading, held))),
        mistakes=score(_answer(outcome) for outcome in counted if outcome.family == MISTAKES),
        releases=tuple(consumers),
        wrong=_grouped(wrong, torches),
        loads=tuple(wrong),
    )


def _answer(outcome: Outcome) -> Answer:
    failed = outcome.judgement.verdict is Verdict.FAILED
    predicted = outcome.prediction.reason if outcome.prediction is not None else None
    return Answer(predicted, outcome.judgement.reason if failed else None)


def _answer_at_load(outcome: Outcome) -> Answer:
    said = _answer(outcome)
    return Answer(None if said.predicted in _LATER else said.predicted, said.happened)


def _tells_of_loading(outcome: Outcome) -> bool:
    """Whether it failed while loading, or not at all."""
    judgement = outcome.judgement
    return judgement.verdict is not Verdict.FAILED or judgement.stage is Stage.LOAD


def _is_wrong(outcome: Outcome) -> bool:
    answer = _answer(outcome)
    return answer.predicted is not answer.happened


def _grouped(wrong: Sequence[Outcome], torches: dict[str, str]) -> tuple[Wrong, ...]:
    groups: defaultdict[tuple[Answer, Stage | None, bool], list[Outcome]] = defaultdict(list)
    for outcome in wrong:
        answer = _answer(outcome)
        stage = outcome.judgement.stage if answer.happened is not None else None
        groups[answer, stage, held_out(torches[outcome.consumer])].append(outcome)
    found = [
        Wrong(
            predicted=answer.predicted,
            happened=answer.happened,
            stage=stage,
            held_out=held,
            loads=len(group),
            example=group[0],
        )
        for (answer, stage, held), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.loads, each.sentence)))


def sentences(scores: Scores, *, most_wrong: int = 3) -> list[str]:
    """What a terminal shows: the scores, and the most frequent wrong predictions.

    Args:
        scores: Of a run.
        most_wrong: How many kinds of wrong predictions.

    Returns:
        Nothing when nothing was predicted.
    """
    lines = []
    if scores.held_out.loads:
        releases = listed(scores.releases, most=_MOST_RELEASES)
        lines.append(f"predictions, held out (torch {releases}): {_said(scores.held_out)}")
        lines.append(f"  of failures while loading: {_in_short(scores.held_out_at_load)}")
    if scores.known.loads:
        which = "by the releases the rules were written from"
        lines.append(f"predictions, {which}: {_said(scores.known)}")
        lines.append(f"  of failures while loading: {_in_short(scores.known_at_load)}")
    if scores.mistakes.loads:
        lines.append(f"predictions for mistakes of users: {_said(scores.mistakes)}")
    lines += [f"  wrong: {each.sentence}" for each in scores.wrong[:most_wrong]]
    if len(scores.wrong) > most_wrong:
        more = sum(each.loads for each in scores.wrong[most_wrong:])
        lines.append(f"  and {counted_noun(more, 'more load')} in predictions.json")
    return lines


def score_rows(scores: Scores) -> list[list[str]]:
    """A table: whose loads, how many, precision, recall, rightly told from failing, all «loads»."""
    parts = {
        f"held out: torch {listed(scores.releases, most=_MOST_RELEASES)}": scores.held_out,
        "held out, failures while loading": scores.held_out_at_load,
        "releases the rules were written from": scores.known,
        "the same, failures while loading": scores.known_at_load,
        "mistakes of users": scores.mistakes,
    }
    return [
        [
            name,
            f"{each.loads:,}",
            _number(each.precision),
            _number(each.recall),
            _percent(each.right, each.loads),
            _percent(each.loaded, each.loads),
        ]
        for name, each in parts.items()
        if each.loads
    ]


def _said(each: Score) -> str:
    return (
        f"{counted_noun(each.loads, 'load')}; {_in_short(each)} (always «loads»: recall 0.00); "
        f"right {_percent(each.right, each.loads)} "
        f"(always «loads»: {_percent(each.loaded, each.loads)})"
    )


def _in_short(each: Score) -> str:
    return (
        f"precision {_number(each.precision)}, recall {_number(each.recall)} "
        f"over {counted_noun(len(each.reasons), 'reason')}"
    )


def _number(value: float | None) -> str:
    # Rounded down: 1.00 is said only of what is never wrong.
    return "–" if value is None else f"{int(value * 100) / 100:.2f}"


def _percent(part: int, whole: int) -> str:
    return f"{1000 * part // whole / 10:.1f} %"


def to_json(scores: Scores) -> dict[str, Any]:
    """All of it as JSON: the scores, by reason, and every wrong prediction but mistakes'."""
    parts = {
        "held_out": scores.held_out,
        "held_out_at_load": scores.held_out_at_load,
        "known": scores.known,
        "known_at_load": scores.known_at_load,
        "mistakes": scores.mistakes,
    }
    return {
        "releases_held_out": list(scores.releases),
        "scores": {name: _score_json(each) for name, each in parts.items()},
        "wrong": [
            {
                "producer": one.producer,
                "consumer": one.consumer,
                "case": one.case,
                "producer_device": one.producer_device,
                "device": one.device,
                "mode": one.mode.value,
                "predicted": _answer(one).predicted,
                "happened": _answer(one).happened,
                "stage": one.judgement.stage,
                "why": one.prediction.why if one.prediction is not None else "",
                "message": one.judgement.message[:300],
            }
            for one in scores.loads
        ],
    }


def _score_json(each: Score) -> dict[str, Any]:
    return {
        "loads": each.loads,
        "right": each.right,
        "loaded": each.loaded,
        "precision": each.precision,
        "recall": each.recall,
        "always_loads": {"right": each.loaded, "precision": None, "recall": 0.0},
        "reasons": [
            {**asdict(one), "precision": one.precision, "recall": one.recall}
            for one in each.reasons
        ],
    }
