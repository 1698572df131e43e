"""Canonical JSON: one text, and so one digest, for one value."""

import hashlib
import json

__all__ = ["digest", "dumps"]


def dumps(value):
    """``value`` as canonical JSON: sorted keys, no spaces, ASCII.

    Returns:
        Bytes that are the same in every Python since 3.6.

    Raises:
        ValueError: A float is not finite.
        TypeError: Something is no JSON value.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def digest(value):
    """SHA-256 of ``value`` as canonical JSON, in hex."""
    return hashlib.sha256(dumps(value)).hexdigest()
