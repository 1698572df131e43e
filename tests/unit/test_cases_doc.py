"""What docs/cases.md says of the catalogue is so; its example runs in tests/integration."""

from __future__ import annotations

import re
from fnmatch import filter as matching
from pathlib import Path

import pytest

from ckptmatrix.catalogue import builtin_cases
from ckptmatrix.catalogue.metadata import FIELDS
from ckptmatrix.cli import cli
from ckptmatrix.words import Mode

REPOSITORY = Path(__file__).parents[2]
DOC = (REPOSITORY / "docs" / "cases.md").read_text(encoding="utf-8")
NAMES = {case.name for case in builtin_cases()}
ROWS = {
    int(number): (described, cases, seen)
    for number, described, cases, seen in re.findall(
        r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", DOC, flags=re.MULTILINE
    )
}


def test_there_is_a_row_for_all_that_people_describe() -> None:
    assert list(ROWS) == list(range(1, 24))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_cases_that_exist_or_a_command_that_does(row: int) -> None:
    named = re.findall(r"`([^`]+)`", ROWS[row][1])
    commands = [name for name in named if name.startswith("ckptmatrix ")]
    assert named
    for command in commands:
        assert command.split()[1] in cli.commands
    for pattern in set(named) - set(commands):
        assert matching(NAMES, pattern), pattern


def test_every_case_of_the_family_of_mistakes_is_in_a_row() -> None:
    named = {
        name
        for _, cases, _ in ROWS.values()
        for pattern in re.findall(r"`([^`]+)`", cases)
        for name in matching(NAMES, pattern)
    }
    mistakes = {case.name for case in builtin_cases() if case.family == "user-mistakes"}
    assert mistakes - named == set()


def test_every_field_and_every_cure_is_explained() -> None:
    explained = {
        name
        for names in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", DOC, flags=re.MULTILINE)
        for name in re.findall(r"\w+", names)
    }
    assert explained == set(FIELDS)
    assert all(f"`{mode}`" in DOC for mode in Mode if mode.is_cure)


def test_files_and_targets_exist() -> None:
    for path in re.findall(r"`((?:runner|tests|docs|matrices)/[\w./]+)`", DOC):
        assert (REPOSITORY / path).exists(), path
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\$ make ([\w-]+)", DOC):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
