from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.catalogue import builtin_cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

MINE = """
from ckptcell.cases.base import Case


class Mine(Case):
    name = "mine"
    family = "mine"
    title = "Ours."
    cures = ("stripped", "partial")
    needs = ("torch.float8_e4m3fn",)
    loader = ("torch.load",)
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys", "file_corrupt"],
        "modes": {
            "trusted": {"verdict": "ok"},
            "stripped": {"verdict": "ok"},
            "mmap": {"verdict": "changed"},
        },
    }

    def save(self, path):
        return None


class Sibling(Mine):
    name = "mine_as_numbers"
    title = "Ours as numbers"
    expect = {}
    variant_of = "mine"
    cure = "plain_values"
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of two cases, and a terminal of a hundred columns."""
    monkeypatch.setenv("COLUMNS", "100")
    path = tmp_path / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_all_are_listed_by_family(command: Command, mine: Path) -> None:
    said = command("cases", mine)
    assert said.code == 0
    lines = said.out.splitlines()
    families = [line for line in lines[:-1] if line.strip() and not line.startswith(" ")]
    assert families == sorted({"mine", *(case.family for case in builtin_cases())})
    for case in builtin_cases():
        assert sum(line.split()[:1] == [case.name] for line in lines) == 1
    assert said.out.endswith(f"\n{len(builtin_cases()) + 2} cases\n")


def test_a_hundred_columns_are_enough(command: Command, mine: Path) -> None:
    assert max(map(len, command("cases", mine).out.splitlines())) <= 100


def test_what_there_is_to_know_of_a_case(command: Command, mine: Path) -> None:
    said = [line.strip() for line in command("cases", mine, "--cases", "mine*").out.splitlines()]
    assert said == [
        "mine",
        "mine             Ours.",
        "modes: plain, mapped, restricted, mmap, trusted; cures: stripped, partial",
        "to save it: torch.float8_e4m3fn",
        "to load it: torch.load",
        "expected: failed (file_corrupt or missing_keys)",
        "expected in mmap: changed",
        "expected in trusted, stripped: ok",
        "mine_as_numbers  Ours as numbers.",
        "modes: plain, mapped, restricted, mmap, trusted; cures: stripped, partial",
        "to save it: torch.float8_e4m3fn",
        "to load it: torch.load",
        "variant of mine, cured by plain_values",
        "",
        "2 cases",
    ]


def test_only_those_asked_for(command: Command, mine: Path) -> None:
    cases = command("cases", mine, "--cases", "family:state,mine*,!mine_*", "--json").json()
    names = [case.name for case in builtin_cases() if case.family == "state"]
    assert [case["name"] for case in cases] == [*names, "mine"]


def test_a_pattern_that_matches_none(command: Command) -> None:
    said = command("cases", "--cases", "state_dcit")
    assert (said.code, said.out) == (2, "")
    assert "did you mean state_dict" in said.err


def test_json_with_a_file_of_ones_own(command: Command, mine: Path) -> None:
    cases = command("cases", mine, "--json").json()
    assert len(cases) == len(builtin_cases()) + 2
    assert cases[-2]["expect"]["modes"]["trusted"] == {"verdict": "ok"}
    fields = {"name", "family", "title", "modes", "needs", "loader", "variant_of", "cure", "digest"}
    assert fields <= set(cases[-1])


@pytest.mark.parametrize("content", ["def", "x = 1\n", None])
def test_a_file_that_is_not_a_file_of_cases(
    command: Command, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    said = command("cases", path)
    assert said.code == 2
    assert "mine.py" in said.err


def test_two_files_with_a_case_of_one_name_are_refused_as_by_a_run(
    command: Command, mine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text(MINE, encoding="utf-8")
    said = command("cases", mine, other)
    assert (said.code, "there is a case «mine" in said.err) == (2, True)
    assert command("cases", mine, mine).code == 0
