"""Digests of tensors just above 2 GiB and 4 GiB, where sizes no longer fit in an int of C.

The bytes are in a sparse file, which takes neither memory nor disk: a mark at each end and on both
sides of every border, and zeros between.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from eras import ENVIRONMENTS, in_cell

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30
#: Not a multiple of a chunk, nor of a page.
OVER = 4104
BORDERS = (2 * GIB, 4 * GIB)
#: A column of a matrix with rows of this many bytes.
ROW, COLUMN = 8, 3
CHUNK = 64 * 2**20

pytestmark = [
    pytest.mark.skipif(not ENVIRONMENTS, reason="CKPTMATRIX_TEST_ENVS names no interpreter"),
    pytest.mark.timeout(600),
    # One at a time: they wait for the same disk and fill the same cache of pages.
    pytest.mark.xdist_group("large"),
]


def marks(size: int) -> dict[int, int]:
    places = [0, ROW + COLUMN, size - ROW + COLUMN, size - 1]
    places += [place for border in BORDERS for place in (border - 1, border, border + COLUMN)]
    return {place: 1 + index for index, place in enumerate(places) if place < size}


def sparse(folder: Path, size: int) -> Path:
    path = folder / "bytes"
    with path.open("wb") as file:
        file.truncate(size)
        for place, mark in marks(size).items():
            file.seek(place)
            file.write(bytes([mark]))
    return path


def expected(size: int, step: int = 1, first: int = 0) -> str:
    """SHA-256 of the bytes, or of every ``step``-th of them, without the file."""
    shown = {
        (place - first) // step: mark
        for place, mark in marks(size).items()
        if place % step == first % step
    }
    sha256, total = hashlib.sha256(), size // step
    for start in range(0, total, CHUNK):
        chunk = bytearray(min(CHUNK, total - start))
        for place, mark in shown.items():
            if start <= place < start + len(chunk):
                chunk[place - start] = mark
        sha256.update(chunk)
    return sha256.hexdigest()


@pytest.mark.parametrize("size", [border + OVER for border in BORDERS])
@pytest.mark.parametrize(
    "environment", [ENVIRONMENTS[0], ENVIRONMENTS[-1]] if ENVIRONMENTS else [], ids=lambda p: p.name
)
def test_every_byte_of_a_large_tensor_counts(environment: Path, size: int, tmp_path: Path) -> None:
    seen = in_cell(environment, "large.py", str(sparse(tmp_path, size)), str(size))
    assert seen["whole"] == {"sha256": expected(size), "shape": [size]}
    assert seen["column"] == {"sha256": expected(size, ROW, COLUMN), "shape": [size // ROW]}


def test_a_large_tensor_through_a_file(tmp_path: Path) -> None:
    size = BORDERS[0] + OVER
    path, checkpoint = sparse(tmp_path, size), tmp_path / "checkpoint.pt"
    try:
        seen = in_cell(ENVIRONMENTS[-1], "large.py", str(path), str(size), str(checkpoint))
    finally:
        checkpoint.unlink(missing_ok=True)
    assert seen["loaded"] == {"sha256": expected(size), "shape": [size]}
