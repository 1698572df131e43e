from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell import canonical

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_is_sorted_dense_and_ascii() -> None:
    assert canonical.dumps({"b": [1, 2.5, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1,2.5,null]}'


@given(JSON)
def test_says_the_value_and_nothing_else(value: object) -> None:
    assert json.loads(canonical.dumps(value)) == value


@given(st.dictionaries(st.text(), JSON))
def test_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical.digest(turned) == canonical.digest(value)


def test_tells_integers_from_floats_and_zero_from_minus_zero() -> None:
    assert len({canonical.digest(value) for value in (0, 0.0, -0.0, False, "0", None)}) == 6


def test_digest_is_of_the_text() -> None:
    assert canonical.digest([1]) == hashlib.sha256(b"[1]").hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_refuses_what_json_has_no_number_for(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical.dumps(value)


def test_refuses_what_is_no_json() -> None:
    with pytest.raises(TypeError):
        canonical.dumps({"a": {1, 2}})
