"""A run in one sentence and six numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ckptmatrix.report.squares import counted, fold
from ckptmatrix.report.text import counted_noun
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

__all__ = ["headline", "verdict_counts"]


def headline(run: RunRecord) -> str:
    """How much of what applies is as expected, how many loads change silently, what is missing."""
    whole = fold(counted(run.outcomes))
    if whole.share is None:
        what = "No load came to an answer"
    else:
        what = (
            f"{100 * whole.good // whole.applies}% of {counted_noun(whole.applies, 'load')} "
            f"between {counted_noun(len(run.cells), 'cell')} are as expected"
        )
    counts = verdict_counts(run)
    parts = [what]
    if changed := counts.get(Verdict.CHANGED):
        parts.append(f"{counted_noun(changed, 'load')} changed something without an error")
    if errors := counts.get(Verdict.ERROR):
        parts.append(f"{counted_noun(errors, 'load')} could not be measured")
    sentence = "; ".join(parts) + "."
    if run.status == "interrupted":
        sentence += " The run was interrupted: run it again to go on."
    elif run.status == "failed":
        sentence += " The run failed before its end: mend what it said and run it again to go on."
    return sentence


def verdict_counts(run: RunRecord) -> dict[Verdict, int]:
    """Verdict → loads, in the order of the vocabulary, only those that occur."""
    counts = Counter(outcome.judgement.verdict for outcome in counted(run.outcomes))
    return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}
