"""What README.md shows is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ckptmatrix
from ckptmatrix.catalogue import builtin_cases, user_cases
from ckptmatrix.cli import cli
from ckptmatrix.gate.expectations import read_expectations
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.report.folder import write_run
from ckptmatrix.words import Mode, Reason, Verdict
from fakes import Behaviour, FakeProvider
from scenario import Scenario, a_case, some_cells

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Code blocks of README.md."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def block(language: str, words: str) -> str:
    """The one block of a language that contains these words."""
    (found,) = [text for text in blocks(language) if words in text]
    return str(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the examples, under the names the README gives them."""
    (tmp_path / "my-fleet.yaml").write_text(block("yaml", "# my-fleet.yaml"), encoding="utf-8")
    (tmp_path / "my_cases.py").write_text(block("python", "# my_cases.py"), encoding="utf-8")
    return tmp_path


def test_every_example_is_looked_at_here() -> None:
    assert len(blocks("yaml")) == 3
    assert len(blocks("python")) == 2


def test_the_expectations_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text(block("yaml", "# expect.yaml"), encoding="utf-8")
    (expectation,) = read_expectations(path)
    assert expectation.reason is Reason.MISSING_MODULE


def test_the_matrix_loads_with_its_case_file(folder: Path) -> None:
    matrix = load_matrix(folder / "my-fleet.yaml")
    assert matrix.name == "my-fleet"
    assert [(cell.python, cell.torch) for cell in matrix.cells] == [
        ("3.10", "1.13.1"),
        ("3.10", "2.6.0"),
        ("3.11", "2.6.0"),
        ("3.8", "1.7.1"),
    ]
    assert matrix.cells[-1].numpy == "<1.22"
    assert len(matrix.left_out) == 1
    assert matrix.cases.files == (folder / "my_cases.py",)


def test_the_matrix_of_images_loads(tmp_path: Path) -> None:
    path = tmp_path / "my-images.yaml"
    path.write_text(block("yaml", "# my-images.yaml"), encoding="utf-8")
    cells = [cell.id for cell in load_matrix(path).cells]
    assert cells == ["debian-trixie", "py3.11-torch2.6.0-cpu", "serving"]


def test_the_case_is_read_by_the_catalogue(folder: Path) -> None:
    (case,) = user_cases(folder / "my_cases.py")
    assert (case.name, case.family) == ("my_model", "mine")
    assert case.title == "The state dict of our model."


def test_the_python_example_runs(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = some_cells(2)
    provider = FakeProvider({cells[1].id: Behaviour(raises={"module_gelu": "KeyError: 'a'"})})
    case = a_case("module_gelu", modes=(Mode.TRUSTED,))
    record: RunRecord = scenario.run(cells, [case], provider=provider).finished.record
    write_run(tmp_path / "reports" / "default" / "r", record)
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    exec(block("python", "load_run"), known)  # noqa: S102 - the example, as a reader runs it
    run = known["run"]
    assert isinstance(run, type(ckptmatrix.load_run("reports/default/latest")))
    assert len(run.frame()) == 4
    assert run.matrix(case="module_gelu", mode="trusted").shape == (2, 2)


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return Scenario(folder=tmp_path / "runs")


def test_every_verdict_is_explained_with_its_symbol() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S) \|", README, flags=re.MULTILINE))
    assert rows == {verdict.value: verdict.symbol for verdict in Verdict}


def test_how_many_cases_there_are() -> None:
    (claimed,) = re.findall(r"more than (\d+) cases", README)
    assert len(builtin_cases()) > int(claimed)


def test_every_mode_is_named() -> None:
    assert all(f"`{mode}`" in README for mode in Mode)


def test_commands_targets_and_files_exist() -> None:
    said = "\n".join(blocks("console"))
    commands = set(re.findall(r"\$ ckptmatrix (\w+)", said))
    assert commands <= set(cli.commands)
    assert commands
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\$ make (\w+)", said):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    for path in re.findall(r"\]\((?!https:)([^)#]+)\)", README) + re.findall(
        r"\bmatrices/\S+\w", README
    ):
        assert (REPOSITORY / path).exists(), path
