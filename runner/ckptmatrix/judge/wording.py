"""Short texts for what was there before and what is there now."""

from __future__ import annotations

import json

__all__ = ["clipped", "same", "shown"]

#: Longest text a table or a page shows for one side of a difference.
LONGEST = 200
#: For these, when the type is the same, equal is the same to the letter.
_PLAIN = (str, int, type(None))


def clipped(text: str, longest: int = LONGEST) -> str:
    """The text, with ``…`` for what does not fit; printable on one line."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def shown(value: object) -> str:
    """A JSON value as short text; ``absent`` for None, which stands for no fact."""
    if value is None:
        return "absent"
    if isinstance(value, str):
        return clipped(value)
    return clipped(json.dumps(value, ensure_ascii=False, default=str))


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same to the letter: 1 is not 1.0, 0.0 is not -0.0."""
    if type(one) is type(other) and isinstance(one, _PLAIN):
        return one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
