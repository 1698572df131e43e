from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.errors import UsageError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.matrix.selection import select_cases, select_cells, split_patterns


@dataclass(frozen=True)
class Case:
    name: str
    family: str


CELLS = tuple(
    Cell(id=name)
    for name in ("py3.8-torch1.7.1-cpu", "py3.11-torch2.6.0-cpu", "py3.12-torch2.6.0-cpu", "sid")
)
CASES = (
    Case("state_dict", "state"),
    Case("resume_adam", "training"),
    Case("resume_sgd", "training"),
    Case("module_linear", "module"),
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("*", [0, 1, 2, 3]),
        ("py3.1*", [1, 2]),
        ("py3.1*,!*3.12*", [1]),
        ("!sid", [0, 1, 2]),
        (" sid , py3.8-* ", [0, 3]),
        ("*torch2.6.0*", [1, 2]),
        ("py3.[89]*", [0]),
    ],
)
def test_cells(text: str, ids: list[int]) -> None:
    assert select_cells(CELLS, text) == tuple(CELLS[at] for at in ids)


@pytest.mark.parametrize(
    ("select", "exclude", "names"),
    [
        (["*"], [], ["state_dict", "resume_adam", "resume_sgd", "module_linear"]),
        (["resume_*"], [], ["resume_adam", "resume_sgd"]),
        (["family:training"], ["resume_sgd"], ["resume_adam"]),
        (["*"], ["family:training", "module_*"], ["state_dict"]),
        (["family:*"], ["family:[st]*"], ["module_linear"]),
        (["resume_sgd", "state_dict"], [], ["state_dict", "resume_sgd"]),
    ],
)
def test_cases(select: list[str], exclude: list[str], names: list[str]) -> None:
    assert [case.name for case in select_cases(CASES, select, exclude)] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "py3.11-torch2.6.1-cpu",
            (
                "--cells: «py3.11-torch2.6.1-cpu» matches no cell; did you mean "
                "py3.11-torch2.6.0-cpu, py3.12-torch2.6.0-cpu, py3.8-torch1.7.1-cpu?"
            ),
        ),
        (
            "gpu*",
            (
                "--cells: «gpu*» matches no cell; there are py3.8-torch1.7.1-cpu, "
                "py3.11-torch2.6.0-cpu, py3.12-torch2.6.0-cpu, sid"
            ),
        ),
        ("sid,!sid", "--cells: no cell is left: everything selected is excluded again"),
        ("*,!xyz", "--cells: «xyz» matches no cell; there are"),
    ],
)
def test_cells_that_are_not_there(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_cells(CELLS, text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("resume_adm", "cases.select: «resume_adm» matches no case; did you mean resume_adam"),
        (
            "family:trainings",
            "cases.select: «family:trainings» matches no case; did you mean family:tr",
        ),
    ],
)
def test_cases_that_are_not_there(pattern: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_cases(CASES, [pattern], where="cases.select")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "take", "leave"),
    [
        ("", ("*",), ()),
        ("a,b", ("a", "b"), ()),
        ("!a", ("*",), ("a",)),
        (" a ,, ! b ", ("a",), ("b",)),
    ],
)
def test_split(text: str, take: tuple[str, ...], leave: tuple[str, ...]) -> None:
    assert split_patterns(text) == (take, leave)


@given(st.lists(st.sampled_from([case.name for case in CASES]), min_size=1), st.data())
def test_selection_is_a_part_in_the_same_order(names: list[str], data: st.DataObject) -> None:
    chosen = select_cases(CASES, names)
    assert [case.name for case in chosen] == [c.name for c in CASES if c.name in names]
    away = data.draw(st.sampled_from([case.name for case in CASES]))
    if set(names) != {away}:
        assert select_cases(CASES, names, [away]) == tuple(c for c in chosen if c.name != away)
