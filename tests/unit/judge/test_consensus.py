from __future__ import annotations

from ckptmatrix.judge.consensus import Sight, agree
from ckptmatrix.words import Mode
from observations import Json, state_dict

ONE, OTHER, ODD = state_dict(), state_dict(sha256="c" * 64, values=[9.0]), state_dict(shape=[4])
OBSERVATIONS: dict[str, Json] = {"one": ONE, "other": OTHER, "odd": ODD}


def sight(cell: str, seen: str, release: tuple[int, ...] = (1,), mode: Mode = Mode.PLAIN) -> Sight:
    return Sight(cell, release, mode, seen)


def test_what_most_cells_see_is_the_reference() -> None:
    found = agree([sight("a", "other", (9,)), sight("b", "one"), sight("c", "one")], OBSERVATIONS)
    assert found.reference == "one"
    assert [group.cells for group in found.groups] == [("b", "c"), ("a",)]


def test_a_cell_counts_once_however_many_modes_it_has() -> None:
    found = agree(
        [
            sight("a", "other", mode=Mode.PLAIN),
            sight("a", "other", mode=Mode.MAPPED),
            sight("a", "other", mode=Mode.TRUSTED),
            sight("b", "one"),
            sight("c", "one"),
        ],
        OBSERVATIONS,
    )
    assert found.reference == "one"


def test_of_equal_groups_the_newest_torch_decides() -> None:
    old_first = [sight("a", "one", (1, 9)), sight("b", "other", (1, 10))]
    assert agree(old_first, OBSERVATIONS).reference == "other"
    assert agree(old_first[::-1], OBSERVATIONS).reference == "other"
    same = [sight("a", "one", (2, 0)), sight("b", "other", (2,))]
    assert agree(same, OBSERVATIONS).reference == "one"


def test_observations_that_differ_in_nothing_that_counts_are_one_group() -> None:
    elsewhere = state_dict(device="cuda:0")
    found = agree([sight("a", "one"), sight("b", "there")], {"one": ONE, "there": elsewhere})
    assert [group.cells for group in found.groups] == [("a", "b")]


def test_a_mode_that_shows_something_else_is_a_group_of_its_own() -> None:
    found = agree(
        [sight("a", "one"), sight("a", "odd", mode=Mode.MMAP), sight("b", "one")], OBSERVATIONS
    )
    assert [(group.observation, group.cells) for group in found.groups] == [
        ("one", ("a", "b")),
        ("odd", ("a",)),
    ]


def test_without_a_load_there_is_no_reference() -> None:
    assert agree([], {}).reference is None


def test_an_observation_that_cannot_be_read_agrees_with_itself_only() -> None:
    broken: dict[str, Json] = {"one": ONE, "bad": {"version": 7}}
    found = agree([sight("a", "bad"), sight("b", "bad"), sight("c", "gone")], broken)
    assert [group.cells for group in found.groups] == [("a", "b"), ("c",)]
