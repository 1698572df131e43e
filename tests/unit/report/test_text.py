from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.report.text import counted_noun, encodable, listed, plain

ANY = st.text(st.characters(codec=None))


@given(ANY, st.integers(5, 60))
def test_shown_text_is_one_bounded_printable_line(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert shown == shown.strip() or shown.endswith("…")
    encodable(shown).encode("utf-8")


@given(ANY)
def test_any_text_can_be_encoded_and_good_text_is_kept(text: str) -> None:
    safe = encodable(text)
    safe.encode("utf-8")
    assert encodable(safe) == safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a\n\tb\r\n", "a b"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("nul\x00", "nul\\x00"),
        ("é ✓ שלום 漢字", "é ✓ שלום 漢字"),
        ("x" * 301, "x" * 299 + "…"),
        ("x" * 300, "x" * 300),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_what_acts_on_its_neighbours_is_shown_instead(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_megabyte_is_cut() -> None:
    assert len(plain("\u202e" * 1_000_000)) == 300
    assert len(plain(" " * 1_000_000 + "x")) <= 300


def test_lists_are_cut_where_that_saves_something() -> None:
    assert listed([]) == ""
    assert listed("abcd") == "a, b, c, d"
    assert listed("abcde") == "a, b, c and 2 more"
    assert counted_noun(1, "load") == "1 load"
    assert counted_noun(1200, "load") == "1,200 loads"
