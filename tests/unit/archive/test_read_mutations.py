"""Damaged files end in an answer; the integration tests read ten thousand more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutations import mutated, originals, read_and_show

if TYPE_CHECKING:
    from pathlib import Path

FILES = originals()


@given(number=st.integers(0, 1 << 40))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_ends_in_an_answer(tmp_path: Path, number: int) -> None:
    path = tmp_path / "mutated"
    path.write_bytes(mutated(number, FILES))
    read_and_show(path)


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_splice_ends_in_an_answer(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(FILES))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path = tmp_path / "spliced"
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:])
    read_and_show(path)


@pytest.mark.parametrize("length", [0, 1, 4, 8, 9, 16, 64])
def test_beginnings(tmp_path: Path, length: int) -> None:
    for whole in FILES:
        path = tmp_path / "beginning"
        path.write_bytes(whole[:length])
        reading = read_and_show(path)
        assert reading.tensors == ()


def test_damage_is_the_same_each_time() -> None:
    assert [mutated(number, FILES) for number in range(20)] == [
        mutated(number, FILES) for number in range(20)
    ]
