"""PyYAML's complaints in words that say what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml
from yaml.reader import ReaderError

from ckptmatrix.errors import Problem

__all__ = ["explain"]


class _Answer(NamedTuple):
    """What to say when PyYAML says ``pattern``.

    ``{0}`` is the pattern's group, ``{opened}`` the position where the construct began. With
    ``at_start`` the problem is reported there, because the other end is the end of the file.
    """

    pattern: str
    message: str
    fix: str
    at_start: bool = False


# Matched in this order against "context / problem".
_ANSWERS = (
    _Answer(
        r"found character '\\t'",
        "there is a tab here; YAML is indented with spaces only",
        "replace the tab by spaces",
    ),
    _Answer(
        r"found character '>'|block scalar / expected .* but found '[=\d.]'",
        "a version range that starts with > must be in quotes",
        'put it in quotes, for example ">=3.12"',
    ),
    _Answer(
        r"found character '(.)' that cannot start",
        "a value cannot start with {0} unless it is in quotes",
        'put the whole value in quotes, for example "{0}…"',
    ),
    _Answer(
        r"scanning an (?:alias|anchor)",
        "* and & have a meaning of their own in YAML when they are not in quotes",
        'put the pattern in quotes, for example "*"',
    ),
    _Answer(
        r"found undefined alias '(.*)'",
        "*{0} without quotes is a YAML alias, and nothing is called &{0}",
        'if it is a pattern, put it in quotes: "*{0}"',
    ),
    _Answer(
        r"found duplicate anchor '?([^'; ]*)",
        "the anchor &{0} is defined twice",
        "rename one of the two",
    ),
    _Answer(
        r"parsing a flow sequence / .*got '<stream end>'",
        "the «[» opened here is never closed",
        "add «]» where the list ends",
        at_start=True,
    ),
    _Answer(
        r"parsing a flow mapping / .*got '<stream end>'",
        "the «{{» opened here is never closed",
        "add «}}» where the mapping ends",
        at_start=True,
    ),
    _Answer(
        r"parsing a flow sequence",
        "the «[» opened at {opened} is not closed, or a comma is missing before here",
        "add «]» or «,»",
    ),
    _Answer(
        r"parsing a flow mapping",
        "the «{{» opened at {opened} is not closed, or a comma is missing before here",
        "add «}}» or «,»",
    ),
    _Answer(
        r"quoted scalar / found unexpected (?:end of stream|document)",
        "the quote opened here is never closed",
        "add the closing quote",
        at_start=True,
    ),
    _Answer(
        r"unknown escape character '(.)'",
        "\\{0} means nothing inside double quotes",
        "use single quotes, or write \\\\ for a backslash",
    ),
    _Answer(
        r"mapping values are not allowed",
        "there is a second «:» in this value, or the line is indented too far",
        "put a value that contains «: » in quotes, or mend the indentation",
    ),
    _Answer(
        r"parsing a block (?:mapping|collection)",
        "this line does not line up with the block that starts at {opened}",
        "give all lines of one block the same indentation",
    ),
    _Answer(
        r"could not find expected ':'",
        "a key without «:» after it",
        "write key: value, with a space after the colon",
    ),
    _Answer(
        r"but found '([\]},])'",
        "this «{0}» closes or separates nothing",
        "remove it, or put the value in quotes",
    ),
    _Answer(
        r"expected '<document start>'",
        "the document ended before this line",
        "mend the brackets or the indentation above; remove a line «...»",
    ),
)
_TAG_IN_BRACKETS = re.compile(r"[\[{,:]\s*(![\w*?-]+)")


def explain(error: yaml.YAMLError, text: str) -> Problem:
    """Where and what a syntax error is, and what to write instead.

    Args:
        error: What PyYAML raised.
        text: The text it was reading.

    Returns:
        One problem; PyYAML stops at the first.
    """
    if isinstance(error, ReaderError):
        return _explain_character(error, text)
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(line=0, column=0, message=f"cannot be read as YAML: {error}")
    start = error.context_mark or error.problem_mark
    opened = f"line {start.line + 1}, column {start.column + 1}"
    for number in sorted({start.line, error.problem_mark.line}):
        tag = _TAG_IN_BRACKETS.search(_line(text, number))
        if tag:
            return Problem(
                line=number + 1,
                column=tag.start(1) + 1,
                message="! has a meaning of its own in YAML when it is not in quotes",
                fix=f'put the value in quotes: "{tag[1]}"',
            )
    said = f"{error.context or ''} / {error.problem or ''}"
    for answer in _ANSWERS:
        match = re.search(answer.pattern, said)
        if match:
            mark = start if answer.at_start else error.problem_mark
            return Problem(
                line=mark.line + 1,
                column=mark.column + 1,
                message=answer.message.format(*match.groups(), opened=opened),
                fix=answer.fix.format(*match.groups(), opened=opened),
            )
    mark = error.problem_mark
    return Problem(
        line=mark.line + 1,
        column=mark.column + 1,
        message=f"cannot be read as YAML: {error.problem}",
    )


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


def _explain_character(error: ReaderError, text: str) -> Problem:
    before = text[: error.position]
    return Problem(
        line=before.count("\n") + 1,
        column=len(before.rpartition("\n")[2]) + 1,
        message=f"the character U+{ord(text[error.position]):04X} is not allowed in YAML",
        fix="remove it; most editors do not show it",
    )
