"""Text a cell chose, made fit to be shown: one line, bounded, and acting on nothing around it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["code", "counted_noun", "encodable", "in_order", "listed", "plain"]

_SPACES = re.compile(r"\s+")
#: Cc: controls. Cf: invisible formatting, bidirectional overrides among it. Cs, Co, Cn: no text.
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def plain(text: str, limit: int = 300) -> str:
    r"""A text as one line that cannot disturb what is around it.

    Runs of white space become one space; control, formatting and unassigned characters are shown
    as escapes (``\u202e``), so that nothing is hidden or turned around.

    Args:
        text: Anything.
        limit: Most characters to keep; what is longer ends with ``…``.
    """
    line = _SPACES.sub(" ", text[: 4 * limit + 1000]).strip()
    if not line.isprintable():
        line = "".join(
            character.encode("unicode_escape").decode()
            if unicodedata.category(character) in _UNSHOWN
            else character
            for character in line[: limit + 1]
        )
    cut = len(text) > 4 * limit + 1000 or len(line) > limit
    return line[: limit - 1] + "…" if cut else line


def encodable(text: str) -> str:
    """The text with what UTF-8 cannot hold (lone surrogates) as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def listed(items: Iterable[str], most: int = 3) -> str:
    """``a, b, c and 4 more``."""
    every: Sequence[str] = list(items)
    if len(every) <= most + 1:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"


def in_order(names: Iterable[str], order: Mapping[str, int]) -> tuple[str, ...]:
    """Names by their places; those without one come last, by the alphabet."""
    return tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))


def counted_noun(count: int, noun: str) -> str:
    """``1 load``, ``1,200 loads``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def code(text: str, limit: int = 300) -> str:
    """Any text as a code span, in which nothing is a link, a mention, HTML or a table's border."""
    line = plain(text, limit).replace("|", "\\|")
    if not line:
        return ""
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or line.startswith(" ") or line.endswith(" ") else ""
    return f"{fence}{pad}{line}{pad}{fence}"
