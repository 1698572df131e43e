from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.catalogue import CaseInfo
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.plan import plan_matrix
from ckptmatrix.words import Mode

MODES = tuple(Mode)


def a_case(name: str, modes: tuple[Mode, ...] = (Mode.PLAIN, Mode.TRUSTED)) -> CaseInfo:
    return CaseInfo(name=name, family="state", title="A case.", modes=modes, digest="d" * 64)


def a_cell(number: int) -> Cell:
    return Cell(id=f"py3.{number}-torch2.{number}.0-cpu", python=f"3.{number}", torch="2.0.0")


def test_every_pair_is_planned_also_with_itself() -> None:
    plan = plan_matrix("m", [a_cell(1), a_cell(2)], [a_case("a")])
    pairs = {(load.producer, load.consumer) for load in plan.loads()}
    ids = [planned.cell.id for planned in plan.cells]
    assert pairs == {(p, c) for p in ids for c in ids}


@given(
    cells=st.integers(1, 5),
    modes=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    devices=st.sampled_from([("cpu",), ("cpu", "cuda:0")]),
)
def test_cost_counts_what_the_generators_yield(
    cells: int, modes: list[int], devices: tuple[str, ...]
) -> None:
    cases = [a_case(f"c{i}", MODES[:count]) for i, count in enumerate(modes)]
    plan = plan_matrix("m", [a_cell(i) for i in range(cells)], cases, devices=devices)
    cost = plan.cost()
    assert cost.saves == len(list(plan.saves())) == len(set(plan.saves()))
    assert cost.loads == len(list(plan.loads())) == len(set(plan.loads()))
    assert cost.jobs == cells * (1 + 2 * len(devices))


def test_jobs_grow_with_cells_and_not_with_pairs() -> None:
    jobs = [plan_matrix("m", [a_cell(i) for i in range(n)], []).cost().jobs for n in (1, 2, 4, 8)]
    assert jobs == [3, 6, 12, 24]


def test_a_cell_without_wheels_is_planned_with_its_reason_and_costs_nothing() -> None:
    plan = plan_matrix(
        "m",
        [a_cell(1), a_cell(2)],
        [a_case("a")],
        why_no_wheel=lambda cell: "no wheel" if cell.python == "3.2" else None,
        download_bytes=lambda _: 100,
    )
    assert [planned.unsupported for planned in plan.cells] == ["", "no wheel"]
    assert plan.cost().cells == 1
    assert plan.cost().download_bytes == 100
    assert {load.consumer for load in plan.loads()} == {a_cell(1).id, a_cell(2).id}


def test_controls_are_added_once_and_marked() -> None:
    control = a_case("state_dict")
    without = plan_matrix("m", [a_cell(1)], [a_case("a")], controls=[control])
    assert [case.name for case in without.cases] == ["a", "state_dict"]
    assert without.controls == ("state_dict",)
    selected = plan_matrix("m", [a_cell(1)], [control], controls=[control])
    assert [case.name for case in selected.cases] == ["state_dict"]
    assert selected.controls == ()


def test_json_is_the_same_every_time_and_versioned() -> None:
    cells = [a_cell(1), replace(a_cell(2), packages=("safetensors==0.5.2",), numpy="<2")]
    plan = plan_matrix("m", cells, [a_case("a")], left_out=[("py3.9-torch9", "exclude, line 4")])
    text = json.dumps(plan.to_json())
    assert text == json.dumps(plan.to_json())
    loaded = json.loads(text)
    assert loaded["format"] == 1
    assert loaded["cells"][1]["packages"] == ["safetensors==0.5.2"]
    assert loaded["left_out"] == [{"cell": "py3.9-torch9", "because": "exclude, line 4"}]
    assert loaded["cost"]["loads"] == len(list(plan.loads()))
