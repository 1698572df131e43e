"""What keeps a run from passing."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DEFAULT", "Rule"]


class Rule(StrEnum):
    """One thing that must not be in a run that passes."""

    NEW_FAILURE = "new-failure"
    SILENT = "silent"
    LOST = "lost"
    ERROR = "error"
    FAILURE = "failure"
    FLAKY = "flaky"
    EXPIRED = "expired"
    PASSING = "passing"

    @property
    def meaning(self) -> str:
        """What it says of what it found."""
        return _MEANINGS[self]


_MEANINGS = {
    Rule.NEW_FAILURE: "loads and saves that the baseline has as expected and are not any more",
    Rule.SILENT: "loads that newly come to something else without an error",
    Rule.LOST: "loads and saves that the baseline has an answer for and the run has none",
    Rule.ERROR: "cells, saves and loads that could not be measured",
    Rule.FAILURE: "loads and saves that are not as expected, new or not",
    Rule.FLAKY: "loads that differ between attempts that should agree",
    Rule.EXPIRED: "of the expectations have a last day that is over",
    Rule.PASSING: "of the expectations are met by nothing any more",
}

#: What a gate forbids unless it is told otherwise.
DEFAULT = (Rule.NEW_FAILURE, Rule.SILENT, Rule.LOST, Rule.ERROR, Rule.EXPIRED)
