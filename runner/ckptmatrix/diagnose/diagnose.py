"""Evidence to diagnosis. Pure.

The knowledge is data, in ``signatures/``. The first signature that matches gives the diagnosis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.diagnose.knowledge import known_signatures
from ckptmatrix.diagnose.remedies import cures_of
from ckptmatrix.judge.outcome import Diagnosis
from ckptmatrix.judge.wording import clipped

if TYPE_CHECKING:
    from ckptmatrix.diagnose.evidence import Evidence
    from ckptmatrix.wire import Facts

__all__ = ["diagnose"]

#: Longest cause; what it names is clipped before.
_LONGEST = 600


def diagnose(evidence: Evidence) -> Diagnosis:
    """Why a load or save failed or changed, and what to do.

    Returns:
        The diagnosis; one without a signature when nothing is known.
    """
    for signature in known_signatures():
        words = signature.match(evidence)
        if words is not None:
            return Diagnosis(
                signature=signature.name,
                cause=clipped(words.fill(signature.cause), _LONGEST),
                cures=cures_of(signature.remedies, evidence, words),
                reference=signature.reference,
                versions=_both_versions(evidence),
            )
    return Diagnosis(
        signature="",
        cause=evidence.judgement.message or "nothing was said",
        versions=_both_versions(evidence),
    )


def _both_versions(evidence: Evidence) -> str:
    """The versions of both sides."""
    if evidence.mode is None:
        return f"saved with {_versions(evidence.consumer)}" if evidence.consumer else ""
    sides = (("saved", evidence.producer), ("loaded", evidence.consumer))
    return "; ".join(f"{did} with {_versions(facts)}" for did, facts in sides if facts is not None)


def _versions(facts: Facts) -> str:
    parts = {"torch": facts.torch, "Python": facts.python, "NumPy": facts.numpy}
    return ", ".join(f"{name} {clipped(version or 'none', 60)}" for name, version in parts.items())
