from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ckptcell.text import bounded

ANY_TEXT = st.text(st.characters(), max_size=300)


@given(ANY_TEXT, st.integers(10, 100))
def test_fits_and_is_unicode(text: str, limit: int) -> None:
    result = bounded(text, limit)
    assert len(result) <= limit
    assert json.loads(json.dumps(result).encode("ascii")) == result
    result.encode("utf-8")


@given(ANY_TEXT, st.integers(10, 100))
def test_is_the_same_when_bounded_again(text: str, limit: int) -> None:
    assert bounded(bounded(text, limit), limit) == bounded(text, limit)


def test_what_fits_is_kept() -> None:
    assert bounded("é\n\0", 3) == "é\n\0"


def test_both_ends_of_a_long_text_are_kept() -> None:
    assert bounded("a" * 50 + "b" * 50, 15) == "aaaaa ... bbbbb"


def test_lone_surrogates_become_escapes() -> None:
    assert bounded("a\ud800") == "a\\ud800"


def test_a_value_that_cannot_be_printed_is_named() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    assert bounded(Hostile()) == "<Hostile whose text cannot be had>"


def test_a_text_with_methods_of_its_own_is_read_past_them() -> None:
    class Hostile(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "forged"

        def encode(self, *_: object) -> bytes:
            raise RuntimeError

    assert bounded(Hostile("real")) == "real"
