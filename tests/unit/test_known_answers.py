"""The known answers that runs are held to: well-formed, sourced, and of cases that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ckptmatrix.catalogue import builtin_cases
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.words import Reason, Stage, Verdict
from known_answers import is_documented, name_of, read_answers

REPOSITORY = Path(__file__).parents[2]
#: Answers → the matrix they are about, and what a cell's short name stands for in an id.
FILES = {
    "known_answers.yaml": ("default.yaml", "-torch{}-"),
    "known_answers_eras.yaml": ("eras.yaml", "-torch{}-"),
    "known_answers_debian.yaml": ("debian.yaml", "-{}"),
}
CASES = {case.name: case for case in builtin_cases()}
ALL = [(file, answer) for file in FILES for answer in read_answers(file)]


@pytest.mark.parametrize(
    ("file", "answer"), ALL, ids=[f"{file}-{name_of(answer)}" for file, answer in ALL]
)
def test_an_answer_can_be_looked_for(file: str, answer: dict[str, Any]) -> None:
    matrix, pattern = FILES[file]
    cells = [cell.id + "-" for cell in load_matrix(REPOSITORY / "matrices" / matrix).cells]
    for who in ("producer", "consumer"):
        short = pattern.format(answer[who])
        assert sum(short.rstrip("-") + "-" in cell for cell in cells) == 1
    assert answer["mode"] in CASES[answer["case"]].modes
    if Verdict(answer["verdict"]) is not Verdict.OK:
        assert Reason(answer["reason"])
        assert Stage(answer["stage"])
        re.compile(answer["message"])


def test_no_answer_is_given_twice() -> None:
    keys = [(file, name_of(answer)) for file, answer in ALL]
    assert len(keys) == len(set(keys))


def test_every_answer_has_a_source() -> None:
    reference = re.compile(r"[\w.-]+(/[\w.-]+)?#\d+|release notes|documentation|^measured")
    assert [answer for _, answer in ALL if not reference.search(answer["source"])] == []


def test_enough_is_known_from_others() -> None:
    """Beside what is only measured: breakages told in public, each once."""
    told = {(answer["case"], answer["source"]) for _, answer in ALL if is_documented(answer)}
    assert len(told) >= 40


def test_every_row_of_what_people_describe_is_seen_in_containers() -> None:
    """``shows`` are rows of docs/cases.md; 18 and 22 are commands and have tests of their own."""
    shown = {
        row
        for answer in read_answers("known_answers_debian.yaml")
        for row in answer.get("shows", [])
    }
    assert shown == set(range(1, 24)) - {18, 22}
