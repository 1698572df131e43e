from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.providers.lines import Flooded, LineCutter, Tail


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_lines_do_not_depend_on_how_they_arrive(stream: bytes, cuts: list[int]) -> None:
    lines: list[bytes] = []
    cutter = LineCutter(lines.append, 60)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(places):
        cutter.feed(stream[start:end])
    assert lines == stream.split(b"\n")[:-1]


@pytest.mark.parametrize(
    ("before", "last"), [(b"", b"12345\n"), (b"1234", b"5"), (b"", b"1\n12345")]
)
def test_a_line_beyond_the_bound_is_refused_before_its_end(before: bytes, last: bytes) -> None:
    cutter = LineCutter(lambda _line: None, 4)
    cutter.feed(before)
    with pytest.raises(Flooded):
        cutter.feed(last)


def test_a_line_as_long_as_the_bound_passes() -> None:
    lines: list[bytes] = []
    LineCutter(lines.append, 4).feed(b"1234\n1234\n")
    assert lines == [b"1234", b"1234"]


@given(st.lists(st.binary(max_size=20)), st.integers(1, 15))
def test_the_tail_is_the_end(chunks: list[bytes], size: int) -> None:
    tail = Tail(size)
    for chunk in chunks:
        tail.feed(chunk)
    assert tail.text == b"".join(chunks)[-size:].decode("utf-8", "replace")
