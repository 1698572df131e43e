from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from docker.errors import DockerException
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from ckptmatrix.providers.docker.attach import ENGINE_ERRORS, Piece, Which, frames

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTENT = st.lists(
    st.tuples(st.sampled_from([Which.STDOUT, Which.STDERR, Which.ENGINE]), st.binary(max_size=200)),
    max_size=10,
)


class Trickle:
    """Gives what it has in portions of these sizes, then one byte at a time."""

    def __init__(self, data: bytes, portions: Sequence[int]) -> None:
        self._data = data
        self._portions = list(portions)

    def recv(self, size: int, /) -> bytes:
        portion = min(size, self._portions.pop(0) if self._portions else 1)
        data, self._data = self._data[:portion], self._data[portion:]
        return data


def mixed(content: Sequence[tuple[Which, bytes]]) -> bytes:
    return b"".join(struct.pack(">B3xL", which.value, len(data)) + data for which, data in content)


def joined(pieces: Sequence[Piece], which: Which) -> bytes:
    return b"".join(piece.data for piece in pieces if piece.which is which)


@given(content=CONTENT, portions=st.lists(st.integers(1, 300), max_size=40))
def test_both_outputs_come_apart_however_they_arrive(
    content: list[tuple[Which, bytes]], portions: list[int]
) -> None:
    pieces = list(frames(Trickle(mixed(content), portions)))
    for which in (Which.STDOUT, Which.STDERR, Which.ENGINE):
        assert joined(pieces, which) == b"".join(data for each, data in content if each is which)


@given(data=st.binary(min_size=1, max_size=50), missing=st.integers(1, 57))
def test_an_end_in_the_middle_is_told(data: bytes, missing: int) -> None:
    whole = mixed([(Which.STDOUT, data)])
    begun = whole[: -min(missing, len(whole) - 1)]
    with pytest.raises(OSError, match="connection to the engine broke"):
        list(frames(Trickle(begun, [])))


def test_a_stream_of_an_unknown_number_is_not_taken_for_events() -> None:
    pieces = list(frames(Trickle(b"\x09\0\0\0\0\0\0\x02hi", [100, 100])))
    assert pieces == [Piece(Which.ENGINE, b"hi")]


@pytest.mark.parametrize("error", [ProtocolError("cut"), DockerException("no"), OSError("gone")])
def test_whatever_an_engine_that_goes_away_raises_is_its_failure(error: Exception) -> None:
    assert isinstance(error, ENGINE_ERRORS)
