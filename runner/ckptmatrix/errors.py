"""Every error a user can cause or mend, with its exit code.

An :class:`ExpectedError` is printed without a traceback: one clear message that says what is
wrong, where, and what to do. Anything else that escapes is a bug of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.words import Reason

__all__ = [
    "CellError",
    "EngineError",
    "ExitCode",
    "ExpectedError",
    "MatrixError",
    "Problem",
    "StoreError",
    "UsageError",
]


class ExitCode(IntEnum):
    """What the process tells its caller."""

    COMPLETE = 0
    GATE = 1
    USAGE = 2
    UNUSABLE = 3
    INTERRUPTED = 130


class ExpectedError(Exception):
    """An error whose message is all a user needs."""

    exit_code = ExitCode.USAGE


class UsageError(ExpectedError):
    """A wrong argument, a missing file, a folder that is not what it should be."""


class EngineError(ExpectedError):
    """No Docker engine can be used."""

    exit_code = ExitCode.UNUSABLE


class StoreError(ExpectedError):
    """The store cannot be read or written."""

    exit_code = ExitCode.UNUSABLE


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing wrong in a file.

    Attributes:
        line: 1-based line, 0 when the whole file is meant.
        column: 1-based column, 0 when the whole line is meant.
        message: What is wrong.
        fix: What to write instead, or an empty string.
    """

    line: int
    column: int
    message: str
    fix: str = ""


class MatrixError(ExpectedError):
    """A matrix file that cannot be used, with all its problems at once.

    Args:
        path: The file.
        problems: At least one problem; printed in the order of their positions.
    """

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(problems)
        lines = []
        for problem in self.problems:
            place = f"{path}:{problem.line}:{problem.column}" if problem.line else f"{path}"
            lines.append(f"{place}: {problem.message}")
            if problem.fix:
                lines.append(f"    fix: {problem.fix}")
        super().__init__("\n".join(lines))


class CellError(ExpectedError):
    """One cell cannot be used; the rest of the matrix goes on.

    Args:
        reason: Catalogue word for the cell's outcomes.
        message: One sentence: what happened and what to do.
        log_tail: Last lines of the tool that failed, or an empty string.
    """

    exit_code = ExitCode.UNUSABLE

    def __init__(self, reason: Reason, message: str, log_tail: str = "") -> None:
        self.reason = reason
        self.message = message
        self.log_tail = log_tail
        super().__init__(message)
