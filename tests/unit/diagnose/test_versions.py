from __future__ import annotations

import pytest

from ckptmatrix.diagnose.versions import compared, parse_range


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1.8.1", "<1.9"),
        ("2.6.0", ">=2.6"),
        ("2.6", ">=2.6.0"),
        ("2.13.0+cpu", ">=2.6,<3"),
        ("1.13.0a0+gitunknown", ">=1.13"),
        ("1.13.0a0", ">= 1.13 , < 2"),
        ("1.10.0", ">1.9"),
        ("1.26.1", "==1.26.1"),
        ("3.12", "<=3.12"),
    ],
)
def test_is_in(version: str, text: str) -> None:
    assert version in parse_range(text)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1.9.0", "<1.9"),
        ("1.13.0a0", "<1.13"),
        ("2.13.0", "<2.6"),
        ("2.5.1", ">=2.6"),
        ("", "<9"),
        (None, "<9"),
        ("unknown", ">=0"),
    ],
)
def test_is_not_in(version: str | None, text: str) -> None:
    assert version not in parse_range(text)


@pytest.mark.parametrize("text", ["", "2.6", "~=2.6", ">=2.6;<3", ">=two", ">=2.6,"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a range of versions"):
        parse_range(text)


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("1.10", "1.9", 1),
        ("2.6", "2.6.0", 0),
        ("1.13.0a0", "1.13.1", -1),
        ("2.6.0+cu124", "2.6", 0),
    ],
)
def test_releases_are_compared_as_numbers(one: str, other: str, order: int) -> None:
    assert compared(one, other) == order
