"""``inspect`` on the checkpoints of real cells, beside what the cells saw in them.

The checkpoints of every case are read where they are saved: in ``test_own_cell.py`` and in
``test_debian_matrix.py``.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import Format
from e2e_program import command
from inspected import DAMAGED, Inspected, inspected, problems, tensor_leaves

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def checkpoints(default_run: Path) -> list[Inspected]:
    """Every checkpoint of the run, and its reading."""
    return list(inspected(default_run))


def test_they_are_read_as_their_producers_saw_them(
    default_run: Path, checkpoints: list[Inspected]
) -> None:
    compared = [each for each in checkpoints if not each.case.startswith(DAMAGED)]
    assert len(compared) > 100
    assert sum(len(tensor_leaves(each.observation)) for each in compared if each.observation) > 300
    assert problems(default_run) == []


def test_formats_are_told_apart(checkpoints: list[Inspected]) -> None:
    kinds = Counter(each.reading.format for each in checkpoints)
    assert kinds[Format.ZIP] > kinds[Format.LEGACY] > 0
    assert kinds[Format.TORCHSCRIPT] > 0


def test_damage_is_seen(checkpoints: list[Inspected]) -> None:
    damaged = {each.case for each in checkpoints if each.reading.defects}
    cases = {each.case for each in checkpoints}
    assert {"file_truncated", "file_bitflip_data", "file_empty"} & cases <= damaged
    assert damaged


def test_the_command_reads_them(checkpoints: list[Inspected]) -> None:
    some = [str(each.path) for each in checkpoints[::10]]
    done = command("inspect", "--tensors", *some)
    assert done.code in {0, 1}
    assert "Traceback" not in done.out + done.err
    assert not [line for line in done.out.splitlines() if not line.isprintable()]
