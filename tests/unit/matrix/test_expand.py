from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.matrix.cell import CELL_ID, Cell
from ckptmatrix.matrix.expand import Axes, Exclusion, expand, satisfies, with_derived_id

PYTHONS = st.integers(6, 20).map("3.{}".format)
TORCHES = st.tuples(st.integers(1, 3), st.integers(0, 15), st.integers(0, 3)).map(
    lambda parts: ".".join(str(part) for part in parts)
)
CUDAS = st.sampled_from(["default", "cpu", "10.2", "11.8", "12.4", "13.0"])
NUMPYS = st.sampled_from(["", "<2", "<2,>=1.20", "==1.26.4", ">=2"])
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", ""])


def some(values: st.SearchStrategy[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(tuple)


AXES = st.builds(
    Axes,
    python=some(PYTHONS, 4),
    torch=some(TORCHES, 4),
    cuda=some(CUDAS, 3),
    numpy=some(NUMPYS, 3),
    platform=st.sampled_from(["linux/amd64", "linux/arm64"]),
)
RULES = st.lists(
    st.builds(
        Exclusion,
        python=st.none() | st.builds("{}{}".format, OPERATORS, PYTHONS),
        torch=st.none() | st.builds("{}{}".format, OPERATORS, TORCHES),
        cuda=st.none() | CUDAS | st.just(">=12"),
        numpy=st.none() | NUMPYS,
        label=st.text(max_size=5),
    ),
    max_size=4,
)


@given(AXES)
def test_product_has_every_combination_once(axes: Axes) -> None:
    cells = expand(axes, []).cells
    assert len(cells) == axes.size
    assert {(c.python, c.torch, c.cuda, c.numpy) for c in cells} == {
        (python, torch, cuda, numpy)
        for python in axes.python
        for torch in axes.torch
        for cuda in axes.cuda
        for numpy in axes.numpy
    }


@given(AXES)
def test_ids_are_unique_and_valid(axes: Axes) -> None:
    cells = expand(axes, []).cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert all(CELL_ID.fullmatch(cell.id) for cell in cells)


@given(AXES, RULES)
def test_exclusion_splits_the_product(axes: Axes, rules: list[Exclusion]) -> None:
    expansion = expand(axes, rules)
    left_out = [entry.cell for entry in expansion.left_out]
    assert sorted([*expansion.cells, *left_out], key=repr) == sorted(axes.cells(), key=repr)
    assert not any(rule.matches(cell) for rule in rules for cell in expansion.cells)
    assert all(any(rule.matches(cell) for rule in rules) for cell in left_out)


@given(AXES, RULES)
def test_order_is_that_of_the_file(axes: Axes, rules: list[Exclusion]) -> None:
    extra = [Cell(id="one", debian="bookworm"), Cell(id="two", debian="trixie")]
    cells = expand(axes, rules, extra).cells
    kept = set(cells)
    assert cells == (*(cell for cell in axes.cells() if cell in kept), *extra)
    assert cells == expand(axes, rules, extra).cells


@given(AXES, RULES)
def test_idle_rules_are_those_that_change_nothing(axes: Axes, rules: list[Exclusion]) -> None:
    for rule in expand(axes, rules).idle:
        assert expand(axes, [rule]).cells == expand(axes, []).cells


@given(AXES, RULES)
def test_more_rules_never_add_cells(axes: Axes, rules: list[Exclusion]) -> None:
    for at in range(len(rules)):
        assert set(expand(axes, rules).cells) <= set(expand(axes, rules[:at]).cells)


def test_first_matching_rule_is_named() -> None:
    axes = Axes(python=("3.12",), torch=("2.0.1",))
    rules = [Exclusion(torch=">=2.2", label="a"), Exclusion(python="3.12", label="b")]
    (entry,) = expand(axes, [*rules, Exclusion(label="c")]).left_out
    assert entry.rule == "b"


def test_exclusion_spares_included_cells() -> None:
    cell = with_derived_id(Cell(id="", python="3.12", torch="2.0.1"))
    axes = Axes(python=("3.12",), torch=("2.6.0",))
    assert expand(axes, [Exclusion(python="3.12")], [cell]).cells == (cell,)


def test_versions_are_compared_as_releases() -> None:
    assert satisfies("3.10", ">=3.9")
    assert satisfies("1.13.0a0+gitunknown", ">=1.13")
    assert satisfies("2.6.0+cu124", "==2.6.0")
    assert satisfies("2.6.1", "2.6")
    assert not satisfies("2.60.0", "2.6")
    assert satisfies("3.12", "3.12")
    assert not satisfies("cpu", ">=12")
    assert not satisfies("12.4", "cpu")
    assert satisfies("default", "default")


@given(AXES)
def test_cell_of_another_cuda_build_has_its_own_id(axes: Axes) -> None:
    for cell in axes.cells():
        other = cell.with_cuda("9.9")
        assert other.id != cell.id
        assert "cu9.9" in other.id
        assert replace(cell, id="mine").with_cuda("9.9").id == "mine"
