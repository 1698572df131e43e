"""Which loads of a run are expected not to be as they should."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pandas as pd

from ckptmatrix.matrix.selection import chosen_names, matches_case
from ckptmatrix.report.diff.compare import KEY
from ckptmatrix.report.frames import applying

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from ckptmatrix.gate.expectations import Expectation
    from ckptmatrix.report.frames import RunFrames

__all__ = ["Known", "accept"]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What became of one expectation.

    Attributes:
        expectation: Of the file.
        covered: How many loads, cures aside, it is about and have an answer.
        met: How many of them are as it says, and not as their cases expect.
        expired: Whether its last day is over, so that it accepts nothing.
    """

    expectation: Expectation
    covered: int
    met: int
    expired: bool

    @property
    def says(self) -> str:
        """What is to be said of it; empty where it is as it should be."""
        if self.expired:
            return f"expired on {self.expectation.expires}: {self.expectation.sentence}"
        if not self.covered:
            return f"is about no load of this run: {self.expectation.sentence}"
        if not self.met:
            return f"is met by none of {self.covered:,} loads any more: {self.expectation.sentence}"
        return ""


def accept(
    run: RunFrames, expectations: Sequence[Expectation], today: date
) -> tuple[tuple[Known, ...], pd.DataFrame]:
    """What became of each expectation, and the loads that one in force accepts.

    Args:
        run: The run.
        expectations: Of the file.
        today: Decides which have expired.

    Returns:
        One :class:`Known` an expectation, and the ``KEY`` of each load that is accepted.
    """
    # A mistake may count by the baseline's answers alone, so that none is left out here.
    frame = run.usual()
    families = {case: family for case, (family, _) in run.run.cases.items()}
    answered = applying(frame)
    accepted = pd.Series(data=False, index=frame.index)
    known = []
    for each in expectations:
        covered = answered & _about(frame, families, each)
        # What its case expects anyway needs nobody's leave.
        met = covered & ~frame["as_expected"] & (frame["verdict"] == each.verdict)
        if each.reason is not None:
            met &= frame["reason"] == each.reason
        expired = each.expires < today
        if not expired:
            accepted |= met
        known.append(
            Known(expectation=each, covered=int(covered.sum()), met=int(met.sum()), expired=expired)
        )
    return tuple(known), frame.loc[accepted, KEY].astype(object)


def _about(
    frame: pd.DataFrame, families: Mapping[str, str], expectation: Expectation
) -> pd.Series[bool]:
    """Which loads an expectation is about."""

    def case(name: str, pattern: str) -> bool:
        return matches_case(name, families.get(name, ""), pattern)

    chosen = pd.Series(data=True, index=frame.index)
    for column, text, matches in (
        ("producer", expectation.producer, fnmatchcase),
        ("consumer", expectation.consumer, fnmatchcase),
        ("device", expectation.device, fnmatchcase),
        ("case", expectation.case, case),
    ):
        names = chosen_names(frame[column].cat.categories, text, matches)
        chosen &= frame[column].isin(names)
    if expectation.modes:
        chosen &= frame["mode"].isin(expectation.modes)
    return chosen
