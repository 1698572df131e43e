from __future__ import annotations

import pytest

from ckptmatrix.matrix.cell import Cell
from ckptmatrix.matrix.disk import DiskUse, Measurement, disk_use

KNOWN = (
    Measurement(torch="1.4.0", python="3.6", cuda="default", bytes=1),
    Measurement(torch="1.12.1", python="3.10", cuda="default", bytes=2),
    Measurement(torch="2.13.0", python="3.11", cuda="cpu", bytes=3),
)


@pytest.mark.parametrize(
    ("torch", "python", "cuda", "size", "measured"),
    [
        ("1.4.0", "3.6", "default", 1, True),
        ("1.4.0", "3.7", "default", 1, False),
        ("1.0.0", "3.6", "default", 1, False),
        ("1.9.0", "3.8", "default", 1, False),
        ("2.6.0", "3.13", "12.4", 2, False),
        ("2.13.0", "3.11", "cpu", 3, True),
        ("1.4.0", "3.6", "cpu", 3, False),
    ],
)
def test_the_nearest_lower_release_serves(
    torch: str, python: str, cuda: str, size: int, *, measured: bool
) -> None:
    cell = Cell(id="a", python=python, torch=torch, cuda=cuda)
    assert disk_use(cell, KNOWN) == DiskUse(bytes=size, measured=measured)


def test_of_suites_and_images_nothing_is_known() -> None:
    assert disk_use(Cell(id="a", debian="sid")) is None
    assert disk_use(Cell(id="a", image="own")) is None


def test_the_shipped_measurements_are_read() -> None:
    use = disk_use(Cell(id="a", python="3.13", torch="2.6.0"))
    assert use == DiskUse(bytes=5_528_000_000, measured=True)
