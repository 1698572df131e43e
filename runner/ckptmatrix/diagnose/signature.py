"""One piece of knowledge: how a failure or a change is recognised, its cause and its cures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.diagnose.sentence import Words
from ckptmatrix.judge.exceptions import kinds_of

if TYPE_CHECKING:
    from ckptmatrix.diagnose.conditions import Conditions
    from ckptmatrix.diagnose.evidence import Evidence
    from ckptmatrix.diagnose.remedies import Remedy
    from ckptmatrix.words import Reason, Stage, Verdict

__all__ = ["Signature"]

#: Escape sequences of terminals, which torch puts around its advice since 2.6 (pytorch#127523).
_ESCAPE = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
#: How pickle says it since Python 3.14; patterns know the words of earlier ones.
_NO_ATTRIBUTE = re.compile(
    r"\A(?:partially initialized )?module '([^']{1,200})' has no attribute '([^']{1,200})'"
)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How one cause is recognised, and what to do about it.

    Attributes:
        name: Unique.
        theme: Name of the file it is from.
        verdict: ``failed`` or ``changed``.
        reasons: What the judge may have called it; empty for any.
        stages: Where it shows; empty for anywhere.
        type: Matches the exception's class name without its module; None for any, also for none.
        message: Is searched in the exception's words, or in the judgement's when nothing was
            raised; None for any.
        conditions: What else must be so.
        entity: Template of what it is about; the judge's entity when empty.
        cause: Template, one sentence without its full stop.
        remedies: What may help, the best first.
        reference: Public issue or release note that says so.
        wins_over: Signatures further down that match some of the same evidence.
    """

    name: str
    theme: str
    verdict: Verdict
    reasons: frozenset[Reason]
    stages: frozenset[Stage]
    type: re.Pattern[str] | None
    message: re.Pattern[str] | None
    conditions: Conditions
    entity: str
    cause: str
    remedies: tuple[Remedy, ...]
    reference: str
    wins_over: frozenset[str]

    def match(self, evidence: Evidence) -> Words | None:
        """What its templates may say, or None when this is something else."""
        judgement = evidence.judgement
        if (
            judgement.verdict is not self.verdict
            or (self.reasons and judgement.reason not in self.reasons)
            or (self.stages and judgement.stage not in self.stages)
        ):
            return None
        raised = evidence.exception
        if self.type is not None and (
            raised is None
            or not any(map(self.type.fullmatch, kinds_of(raised.type, raised.message)))
        ):
            return None
        groups: dict[str, str] = {}
        if self.message is not None:
            found = self.message.search(_said(evidence))
            if found is None:
                return None
            groups |= {name: text or "" for name, text in found.groupdict().items()}
        met = self.conditions.met_by(evidence)
        if met is None:
            return None
        words = Words.of(evidence, groups | met)
        return words.about(self.entity) if self.entity else words


def _said(evidence: Evidence) -> str:
    """The exception's words as patterns know them, or the judgement's when nothing was raised."""
    if evidence.exception is None:
        return evidence.judgement.message
    said = _ESCAPE.sub("", evidence.exception.message)
    return _NO_ATTRIBUTE.sub(r"Can't get attribute '\2' on <module '\1'", said)
