from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.shipped import matrices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


def test_a_plan_says_what_it_costs(command: Command, matrix: Path) -> None:
    said = command("plan", matrix)
    assert said.code == 0
    assert "small: 2 cells" in said.out
    assert "of 4 pairs of cells" in said.out
    assert "jobs: at most 6" in said.out
    assert "controls every cell needs: file_truncated, state_dict" in said.out
    assert said.err == ""


def test_a_plan_as_json(command: Command, matrix: Path) -> None:
    plan = command("plan", matrix, "--json").json()
    assert (plan["format"], plan["matrix"]) == (1, "small")
    assert [case["name"] for case in plan["cases"]] == [
        "module_linear",
        "file_truncated",
        "state_dict",
    ]
    assert plan["cost"]["jobs"] == 6


def test_what_is_left_out_and_what_cannot_exist_is_said(command: Command, matrix: Path) -> None:
    matrix.write_text(
        """
name: gaps
axes: {python: ["3.8", "3.12"], torch: ["1.7.1", "2.6.0"]}
exclude: [{python: "3.8", torch: "2.6.0"}]
""",
        encoding="utf-8",
    )
    said = command("plan", matrix)
    assert said.code == 0
    assert "left out: py3.8-torch2.6.0" in said.out
    assert "unsupported: " in said.out


@pytest.mark.parametrize("name", sorted(path.name for path in matrices().glob("*.yaml")))
def test_shipped_matrices_are_planned(command: Command, name: str) -> None:
    plan = command("plan", matrices() / name, "--provider", "docker", "--json").json()
    assert plan["cost"]["cells"] == len(plan["cells"]) >= 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", ":1:"),
        ("", "small.yaml"),
        ("name: a\naxis: {}\n", "axes"),
        ("name: a\naxes: {python: [3.10], torch: ['2.6.0']}\n", ":2:"),
        (
            "name: a\ninclude: [{python: '3.11', torch: '2.6.0'}]\ncases: {select: [modul_gelu]}\n",
            "did you mean module_gelu",
        ),
        (
            "name: a\ninclude: [{python: '3.11', torch: '2.6.0'}]\ncases: {files: [gone.py]}\n",
            "gone.py",
        ),
    ],
)
def test_wrong_files(command: Command, matrix: Path, text: str, words: str) -> None:
    matrix.write_text(text, encoding="utf-8")
    said = command("plan", matrix, "--json")
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert words in said.err


@pytest.mark.parametrize("path", ["absent.yaml", "."])
def test_a_matrix_that_is_not_a_file(command: Command, matrix: Path, path: str) -> None:
    said = command("plan", matrix.parent / path)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_a_policy_that_says_nonsense_is_found_before_anything_runs(
    command: Command, matrix: Path
) -> None:
    (matrix.parent / "mine.py").write_text(
        """
from ckptcell.cases.base import Case


class Mine(Case):
    name = "mine"
    family = "mine"
    title = "Mine."
    policy = {"tolerance": "a lot"}

    def save(self, path):
        return None
""",
        encoding="utf-8",
    )
    text = matrix.read_text().replace("select: [module_linear]", "select: [mine], files: [mine.py]")
    matrix.write_text(text, encoding="utf-8")
    said = command("plan", matrix)
    assert said.code == 2
    assert "mine.py:5" in said.err


def test_the_schema_is_the_shipped_one(command: Command) -> None:
    said = command("schema")
    assert said.code == 0
    shipped = matrices() / "schema" / "matrix.v1.json"
    assert said.json() == json.loads(shipped.read_text(encoding="utf-8"))
