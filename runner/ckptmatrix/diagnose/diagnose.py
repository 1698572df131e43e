"""Evidence to diagnosis. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.judge.outcome import Diagnosis

if TYPE_CHECKING:
    from ckptmatrix.diagnose.evidence import Evidence

__all__ = ["diagnose"]


def diagnose(evidence: Evidence) -> Diagnosis:
    """Why a load or save failed or changed, and what to do.

    Returns:
        The diagnosis; one without a signature when nothing is known.
    """
    return Diagnosis(signature="", cause=evidence.judgement.message or "nothing was said")
