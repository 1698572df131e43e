"""What a file and an environment's facts say about a load before it is tried."""

from __future__ import annotations

from dataclasses import dataclass

from ckptmatrix.words import Reason  # noqa: TC001 - read at run time when a record becomes JSON

__all__ = ["Prediction"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A prediction for one load.

    Attributes:
        reason: Why it fails; None when it loads.
        why: What the prediction rests on, in one sentence; empty when it loads.
    """

    reason: Reason | None = None
    why: str = ""
