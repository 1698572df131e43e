"""What went wrong in a run of uv, in one sentence."""

from __future__ import annotations

import re

__all__ = ["explain", "is_unreachable", "tail"]

#: Lines of a tool's output that go into a record.
TAIL_LINES = 20

_UNREACHABLE = re.compile(
    r"error sending request|dns error|client error \(Connect\)|operation timed out"
    r"|Failed to fetch|HTTP status server error|network.{0,40}disabled",
    re.IGNORECASE,
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_CONCLUSION = re.compile(r",? we can conclude that .*? (?:unsatisfiable|cannot be used)\.?")


def is_unreachable(output: str) -> bool:
    """Whether an index or a file of it could not be reached, rather than lacking something."""
    return _UNREACHABLE.search(output) is not None


def explain(output: str) -> str:
    """Pick the cause out of what uv wrote.

    Args:
        output: Its standard error.

    Returns:
        One line that starts in lower case and has no full stop at its end.
    """
    headline, causes, hints = _parts(output)
    if _FULL.search(output):
        return "the disk is full; free some space, or set another cache folder"
    if is_unreachable(output):
        what = next((cause for cause in causes if "Failed to fetch" in cause), headline)
        why = causes[-1] if causes else ""
        text = f"{what}: {why}" if why and why != what else what
        return f"{_lower(text)}; check the network and the settings of the package index"
    text = ": ".join([headline, *causes[:1]])
    text = _CONCLUSION.sub("", text).rstrip(". ")
    return _lower("; ".join([text, *(hint.rstrip(". ") for hint in hints[:1])]))


def tail(output: str) -> str:
    """The last lines of an output, for a record."""
    return "\n".join(output.strip().splitlines()[-TAIL_LINES:])


def _parts(output: str) -> tuple[str, list[str], list[str]]:
    """The error, its causes from the outermost, and the hints; each on one line."""
    headline = ""
    causes: list[str] = []
    hints: list[str] = []
    for block in re.split(r"\n(?=error: |\s+cause: |hint: |warning: )", "\n" + output):
        kind, _, text = block.strip().partition(": ")
        line = " ".join(text.split("\n\n")[0].split())
        if kind == "error":
            headline, causes = line, []
        elif kind == "cause":
            causes.append(line)
        elif kind == "hint":
            hints.append(line)
    if not headline:
        lines = output.strip().splitlines()
        headline = lines[-1].strip() if lines else "uv failed without saying why"
    return headline, causes, hints


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
