"""``inspect`` on every checkpoint of every cell, beside what the cells saw in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from ckptmatrix.archive.reading import Format
from e2e_program import command
from inspected import inspected, tensor_leaves, unlike

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.report.frames import RunFrames
    from inspected import Inspected

#: Cases whose files are damaged, or replaced by something that is no checkpoint.
DAMAGED = ("file_", "source_", "format_rezipped_without_folder")


@pytest.fixture(scope="session")
def checkpoints(default_run: Path) -> list[Inspected]:
    """Every checkpoint of the run, and its reading."""
    return list(inspected(default_run, default_run.parents[1] / ".store"))


def whole(checkpoints: list[Inspected]) -> list[Inspected]:
    return [each for each in checkpoints if not each.case.startswith(DAMAGED)]


def test_every_checkpoint_is_recognised(checkpoints: list[Inspected]) -> None:
    assert len(checkpoints) > 500
    unknown = [(each.cell, each.case) for each in checkpoints if each.reading.format == "unknown"]
    assert unknown == []
    kinds = Counter(each.reading.format for each in checkpoints)
    assert {Format.ZIP, Format.LEGACY, Format.TORCHSCRIPT, Format.DCP, Format.EXPORT} <= set(kinds)


def test_nothing_is_wrong_with_those_that_are_whole(checkpoints: list[Inspected]) -> None:
    wrong = [
        (each.cell, each.case, each.reading.defects, each.reading.incomplete)
        for each in whole(checkpoints)
        if each.reading.defects or each.reading.incomplete
    ]
    assert wrong == []


def test_damage_is_seen(checkpoints: list[Inspected]) -> None:
    damaged = {each.case for each in checkpoints if each.reading.defects}
    cases = {each.case for each in checkpoints}
    assert {"file_truncated", "file_bitflip_data", "file_empty"} & cases <= damaged


def test_the_tensors_are_those_the_producers_saw(checkpoints: list[Inspected]) -> None:
    compared = [each for each in whole(checkpoints) if each.observation]
    assert sum(len(tensor_leaves(each.observation)) for each in compared) > 2000
    assert [difference for each in compared for difference in unlike(each)] == []


def test_no_file_asks_for_more_than_the_torch_that_wrote_it(
    checkpoints: list[Inspected], default_tables: RunFrames
) -> None:
    facts = {cell.id: cell.facts for cell in default_tables.run.cells if cell.facts is not None}
    beyond = []
    for each in whole(checkpoints):
        made = facts[each.cell]
        versions = {"torch": made.torch, "python": made.python, "numpy": made.numpy}
        for need in each.reading.requirements:
            version = Version(versions[need.of] or "0")
            if version < Version(need.at_least or "0"):
                beyond.append((each.cell, each.case, need))
    assert beyond == []


def test_the_command_reads_them_all(checkpoints: list[Inspected]) -> None:
    some = [str(each.path) for each in checkpoints[::10]]
    done = command("inspect", "--tensors", *some)
    assert done.code in {0, 1}
    assert "Traceback" not in done.out + done.err
    assert not [line for line in done.out.splitlines() if not line.isprintable()]
