"""What a group of loads should be told: one cause, the best cure, where that is said in public."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.report.text import counted_noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckptmatrix.judge.outcome import Cure, Diagnosis

__all__ = ["NONE", "Advice", "advise", "cure_line"]

_WHERE = {"save": "when saving", "load": "when loading", "version": "another version"}


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What is known about a group of loads or saves.

    Attributes:
        cause: The most frequent cause, one sentence without its full stop; empty when none is
            known.
        cure: The best thing to do about it, likewise, with «verified here» when it was seen to
            work; empty when nothing is known to help.
        reference: Public source of the cause.
    """

    cause: str = ""
    cure: str = ""
    reference: str = ""


#: Where nothing is known.
NONE = Advice()


def advise(diagnoses: Iterable[Diagnosis | None]) -> Advice:
    """What to tell about loads that belong together.

    Args:
        diagnoses: Theirs; None and unknown ones count as not known.
    """
    every = list(diagnoses)
    known = [each for each in every if each is not None and each.is_known]
    if not known:
        return NONE
    signature, _ = Counter(each.signature for each in known).most_common(1)[0]
    alike = [each for each in known if each.signature == signature]
    cause, _ = Counter(each.cause for each in alike).most_common(1)[0]
    others = len({each.signature for each in known}) - 1
    unknown = len(every) - len(known)
    more = [counted_noun(others, "other cause")] * bool(others)
    more += [f"{counted_noun(unknown, 'load')} without a known cause"] * bool(unknown)
    return Advice(
        cause=cause + (f" (and {', '.join(more)})" if more else ""),
        cure=_best(alike, len(every)),
        reference=alike[0].reference,
    )


def _best(alike: Sequence[Diagnosis], loads: int) -> str:
    """The cure that was most often seen to work, else the one most often named first."""
    verified = Counter(cure.text for each in alike for cure in each.cures if cure.verified)
    if verified:
        text, times = verified.most_common(1)[0]
        return f"{text} (verified here{f' for {times:,} of {loads:,}' if times < loads else ''})"
    first = Counter(each.cures[0].text for each in alike if each.cures)
    return first.most_common(1)[0][0] if first else ""


def cure_line(cure: Cure) -> str:
    """``when loading: load with map_location="cpu" (verified here)``."""
    return f"{_WHERE[cure.where]}: {cure.text}" + " (verified here)" * cure.verified
