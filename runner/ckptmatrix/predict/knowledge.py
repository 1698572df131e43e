"""What is known of releases, from the tables beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import yaml

from ckptmatrix.predict.spans import Release, Span, parse_spans, release_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Table",
    "WordTable",
    "compiled",
    "held_out",
    "read_table",
    "table_of",
    "within",
    "words_of",
]

Value = TypeVar("Value")

#: How many numbers of a release are those of its minor release.
_MINOR = 2
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def read_table(name: str) -> dict[str, Any]:
    """A table: ``allowed`` is ``allowed.yaml``."""
    text = (files(__package__) / f"{name}.yaml").read_text(encoding="utf-8")
    table = yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
    if not isinstance(table, dict):
        msg = f"{name}.yaml is no table"
        raise TypeError(msg)
    return table


@dataclass(frozen=True)
class Table(Generic[Value]):
    """Values by release, at most one for each."""

    entries: tuple[tuple[tuple[Span, ...], Value], ...]

    def at(self, release: Release) -> Value | None:
        """The value for a release, or None."""
        for spans, value in self.entries:
            if any(release in span for span in spans):
                return value
        return None


@dataclass(frozen=True)
class WordTable:
    """Words by release: a word is there in the spans it is listed under."""

    spans: Mapping[str, tuple[Span, ...]]

    def knows(self, word: str) -> bool:
        """Whether anything is known of a word."""
        return word in self.spans

    def has(self, word: str, release: Release) -> bool:
        """Whether a word is there in a release."""
        return any(release in span for span in self.spans.get(word, ()))

    def since(self, word: str) -> str:
        """From which release on, or up to which, a word is there, for a sentence."""
        parts = []
        for span in self.spans.get(word, ()):
            since, until = (".".join(map(str, each)) for each in (span.since, span.until))
            parts.append(
                f"from {since} up to {until}"
                if since and until
                else f"from {since} on"
                if since
                else f"before {until}"
            )
        return " and ".join(parts)


def table_of(entries: Mapping[str, Value]) -> Table[Value]:
    """Values by release from ``{"-1.5": 2, "1.5-1.6": 3}``.

    Raises:
        ValueError: Two of its spans overlap.
    """
    table = Table(tuple((parse_spans(text), value) for text, value in entries.items()))
    spans = sorted(
        (span for each, _ in table.entries for span in each), key=lambda span: span.since
    )
    for span, after in pairwise(spans):
        if not span.until or span.until > after.since:
            msg = f"spans of releases overlap: {', '.join(entries)}"
            raise ValueError(msg)
    return table


def words_of(entries: Mapping[str, str]) -> WordTable:
    """Words by release from ``{"1.9-": "Mish", "-1.9": "_LinearWithBias"}``.

    Raises:
        ValueError: A word is listed twice for a release.
    """
    spans: dict[str, tuple[Span, ...]] = {}
    for text, words in entries.items():
        for word in words.split():
            both = sorted((*spans.get(word, ()), *parse_spans(text)), key=lambda span: span.since)
            for span, after in pairwise(both):
                if not span.until or span.until > after.since:
                    msg = f"{word} is listed twice for a release"
                    raise ValueError(msg)
            spans[word] = tuple(both)
    return WordTable(spans)


def within(spans: Iterable[Span], release: Release) -> bool:
    """Whether a release is in one of them."""
    return any(release in span for span in spans)


@cache
def _written_from() -> frozenset[Release]:
    return frozenset(release_of(str(each))[:_MINOR] for each in read_table("written_from")["torch"])


def held_out(torch: str | None) -> bool:
    """Whether a release of torch is not among those whose behaviour the rules were written from.

    Patch releases of one minor release count as one: Debian's 1.13.0a0 is no other than 1.13.1.
    """
    return release_of(torch)[:_MINOR] not in _written_from()


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a table."""
    return re.compile(pattern)
