from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.venv.locks import (
    Lock,
    read_lock,
    request_of,
    requirements_of,
    write_lock,
)
from ckptmatrix.providers.venv.sources import Sources

if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell(id="c", python="3.11", torch="2.6.0")
TEXT = "six==1.17.0 \\\n    --hash=sha256:47\ntorch==2.6.0 \\\n    --hash=sha256:11\n"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (CELL, ("torch==2.6.0", "numpy")),
        (replace(CELL, numpy="<2"), ("torch==2.6.0", "numpy<2")),
        (replace(CELL, packages=("a==1", "b")), ("torch==2.6.0", "numpy", "a==1", "b")),
        (replace(CELL, torch=None, packages=("six",)), ("six",)),
    ],
)
def test_a_cell_asks_for_what_it_says(cell: Cell, expected: tuple[str, ...]) -> None:
    assert requirements_of(cell) == expected


def test_requests_differ_where_resolutions_may() -> None:
    cells = [
        CELL,
        replace(CELL, python="3.12"),
        replace(CELL, torch="2.5.0"),
        replace(CELL, cuda="cpu"),
        replace(CELL, cuda="12.4"),
        replace(CELL, numpy="<2"),
        replace(CELL, packages=("six",)),
    ]
    requests = [request_of(cell, Sources()) for cell in cells]
    requests.append(request_of(CELL, Sources(index_url="https://mirror")))
    assert len({request.digest for request in requests}) == len(requests)


def test_a_request_does_not_depend_on_the_cells_name() -> None:
    other = replace(CELL, id="other")
    assert request_of(other, Sources()).digest == request_of(CELL, Sources()).digest


def test_only_torch_has_builds() -> None:
    assert request_of(replace(CELL, torch=None, cuda="cpu"), Sources()).index == ""


@pytest.mark.parametrize("unreached", [False, True])
def test_a_lock_is_read_as_it_was_written(tmp_path: Path, *, unreached: bool) -> None:
    lock = Lock(text=TEXT, unreached=unreached)
    write_lock(tmp_path / "c.txt", lock)
    assert read_lock(tmp_path / "c.txt") == lock


def test_there_is_no_lock_before_the_first(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "c.txt") is None


@pytest.mark.parametrize("kept", [0, 1, 70, 100, -1])
def test_a_lock_that_is_not_whole_counts_as_absent(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "c.txt"
    write_lock(path, Lock(text=TEXT))
    path.write_bytes(path.read_bytes()[:kept])
    assert read_lock(path) is None


def test_a_lock_that_is_no_text_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe")
    assert read_lock(tmp_path / "c.txt") is None


def test_a_lock_of_nothing_is_a_lock(tmp_path: Path) -> None:
    write_lock(tmp_path / "c.txt", Lock(text=""))
    assert read_lock(tmp_path / "c.txt") == Lock(text="")


def test_how_a_lock_was_made_does_not_change_what_it_is() -> None:
    assert Lock(text=TEXT, unreached=True).digest == Lock(text=TEXT).digest
    assert Lock(text=TEXT).digest != Lock(text=TEXT.replace("47", "48")).digest
    assert Lock(text=TEXT).count == 2
