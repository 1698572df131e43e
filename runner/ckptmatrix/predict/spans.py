"""Releases from one on, up to another: how the tables say when something is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

__all__ = ["Release", "Span", "parse_spans", "release_of"]

#: A version's leading numbers.
Release = tuple[int, ...]

_SPAN = re.compile(r"(\d+(?:\.\d+){0,3})?-(\d+(?:\.\d+){0,3})?")


@lru_cache(maxsize=1_000)
def release_of(version: str | None) -> Release:
    """The leading numbers of a version: ``1.13.0a0+git`` is 1.13.0; empty when it has none."""
    match = re.match(r"v?(\d{1,9}(?:\.\d{1,9}){0,5})", (version or "").strip())
    return tuple(int(part) for part in match[1].split(".")) if match else ()


@dataclass(frozen=True)
class Span:
    """Releases from ``since``, which is in it, up to ``until``, which is not; empty is no bound."""

    since: Release = ()
    until: Release = ()

    def __contains__(self, release: Release) -> bool:
        """Whether a release is in it; an unknown one, the empty one, never is."""
        if not release or release < self.since:
            return False
        return not self.until or release < self.until


def parse_spans(text: str) -> tuple[Span, ...]:
    """Spans from a text: ``1.6-1.9 2.15-`` is from 1.6 up to 1.9, and from 2.15 on.

    Raises:
        ValueError: It is no such text, or its spans are empty, overlap or are not in order.
    """
    spans = tuple(_parse_span(part) for part in text.split())
    if not spans:
        msg = "no span of releases"
        raise ValueError(msg)
    for span, after in pairwise(spans):
        if not span.until or not after.since or span.until >= after.since:
            msg = f"spans of releases overlap or are not in order: {text!r}"
            raise ValueError(msg)
    return spans


def _parse_span(text: str) -> Span:
    match = _SPAN.fullmatch(text)
    if match is None:
        msg = f"not a span of releases: {text!r}"
        raise ValueError(msg)
    span = Span(since=release_of(match[1]), until=release_of(match[2]))
    if span.until and span.since >= span.until:
        msg = f"an empty span of releases: {text!r}"
        raise ValueError(msg)
    return span
