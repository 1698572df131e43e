from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptmatrix.judge.numbers import EXACT, Tolerance, close, distance, number, numbers

FLOATS = st.floats() | st.complex_numbers()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        ("inf", math.inf),
        ("9007199254740993", 9007199254740992.0),
        ([1, "-inf"], complex(1, -math.inf)),
        ("one", None),
        (None, None),
        (10**400, None),
        ([1], None),
        ([1, [2, 3]], None),
        ([1, "x"], None),
        ({}, None),
    ],
)
def test_numbers_of_observations(value: Any, expected: complex | None) -> None:
    assert number(value) == expected


def test_a_list_is_all_numbers_or_none() -> None:
    assert numbers([1, [0, 1]]) == [1.0, 1j]
    assert numbers([1, "x"]) is None
    assert numbers("11") is None
    assert math.isnan(complex(numbers(["nan"])[0]).real)  # type: ignore[index] # one number


@settings(deadline=None)  # the machine may be busy
@given(FLOATS)
def test_a_number_is_close_to_itself(value: complex) -> None:
    assert close(value, value, EXACT)


@settings(deadline=None)  # the machine may be busy
@given(FLOATS, FLOATS, st.floats(0, 1), st.floats(0, 1))
def test_closeness_is_symmetric_and_grows_with_the_tolerance(
    one: complex, other: complex, rtol: float, atol: float
) -> None:
    tolerance = Tolerance(rtol=rtol, atol=atol)
    assert close(one, other, tolerance) == close(other, one, tolerance)
    if close(one, other, EXACT):
        assert close(one, other, tolerance)


def test_infinities_are_not_close_to_anything_else() -> None:
    wide = Tolerance(rtol=1.0, atol=1e300)
    assert not close(math.inf, -math.inf, wide)
    assert not close(math.inf, 1e300, wide)
    assert not close(math.nan, 1.0, wide)
    assert not close(complex(1, math.nan), complex(2, math.nan), wide)
    assert close(complex(1, math.nan), complex(1, math.nan), EXACT)


def test_numbers_too_large_to_subtract() -> None:
    one, other = complex(1.7e308, 1.7e308), complex(1.7e308, -1.7e308)
    assert close(one, one, EXACT)
    assert not close(one, other, EXACT)
    assert distance([one], [other]) is None


def test_distances() -> None:
    assert str(distance([1.0, 0.0], [1.5, 0.0])) == "largest difference 0.5, relative 0.333"
    assert distance([1.0, math.nan], [2.0, 1.0]) == (1.0, 0.5)
    assert distance([math.inf], [1.0]) is None
    assert distance([1.0], [1.0, 2.0]) is None
    assert distance([], []) is None
