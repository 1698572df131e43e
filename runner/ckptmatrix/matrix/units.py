"""Sizes and durations as people write them in a matrix file."""

from __future__ import annotations

import re

__all__ = ["parse_duration", "parse_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h)")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """Bytes of ``4GB`` (powers of 1000) or ``512MiB`` (powers of 1024).

    Raises:
        ValueError: The text is not a number with such a unit.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        msg = f"not a size: {text!r}"
        raise ValueError(msg)
    number, prefix, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWER[prefix.lower()])


def parse_duration(text: str) -> float:
    """Seconds of ``60s``, ``5m``, ``1.5h`` or ``500ms``.

    Raises:
        ValueError: The text is not a number with such a unit.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        msg = f"not a duration: {text!r}"
        raise ValueError(msg)
    return float(match[1]) * _SECONDS[match[2]]
