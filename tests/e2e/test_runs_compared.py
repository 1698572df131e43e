"""Two runs that differ in a known way: diff, gate, history and report say exactly that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from e2e_program import Finished, command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.timeout(900)]

MATRIX = """
name: compared
include:
  - {{python: "3.11", torch: "2.13.0"}}
  - {second}
cases:
  select: [state_dict, module_gelu, numpy_scalar]
"""
OLD = '{python: "3.8", torch: "1.7.1"}'
SWAPPED = '{python: "3.10", torch: "1.12.1", numpy: "<2"}'
BROKEN = (
    '{python: "3.8", torch: "1.7.1", packages: ["ckptmatrix-no-such-package==1.0"], '
    "id: py3.8-torch1.7.1-default}"
)
RECENT, OLD_ID = "py3.11-torch2.13.0-default", "py3.8-torch1.7.1-default"
SWAPPED_ID = "py3.10-torch1.12.1-default-numpylt2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a baseline."""
    folder = tmp_path_factory.mktemp("compared")
    assert run(folder, OLD).code == 0
    set_ = command("baseline", "set", "compared", cwd=folder)
    assert set_.code == 0, set_.err
    return folder


def run(folder: Path, second: str, *options: str) -> Finished:
    """Run the matrix with this second cell."""
    (folder / "compared.yaml").write_text(MATRIX.format(second=second), encoding="utf-8")
    return command("run", "compared.yaml", "--provider", "venv", *options, cwd=folder)


def difference(folder: Path) -> dict[str, Any]:
    """What the latest run has otherwise than the baseline."""
    done = command("diff", "compared/baseline", "compared", "--format", "json", cwd=folder)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def test_the_same_again_is_no_news(folder: Path) -> None:
    done = run(folder, OLD, "--gate")
    assert done.code == 0, done.out
    assert "passes: new-failure" in done.out
    told = difference(folder)
    assert set(told["counts"]) <= {"still", "same"}
    assert told["loads"] == told["saves"] == told["environments"] == []


def test_a_cell_that_was_swapped_is_lost_and_another_is_new(folder: Path) -> None:
    done = run(folder, SWAPPED, "--gate")
    assert done.code == 1
    assert f"{OLD_ID} is not in the run any more" in done.out
    told = difference(folder)
    assert set(told["counts"]) <= {"lost", "new-cell", "still", "same"}
    sentences = [group["headline"] for group in told["groups"]]
    assert f"{OLD_ID} is not in the run any more" in sentences
    assert f"{SWAPPED_ID} is new" in sentences
    lost = [load for load in told["loads"] if load["change"] == "lost"]
    assert lost
    assert all(OLD_ID in (load["producer"], load["consumer"]) for load in lost)


def test_an_error_of_ours_is_neither_a_failure_nor_a_fix(folder: Path) -> None:
    done = run(folder, BROKEN, "--gate", "--json")
    assert done.code == 1
    assert {each["rule"] for each in json.loads(done.out)["gate"]["breaches"]} == {"lost", "error"}
    told = difference(folder)
    assert set(told["counts"]) <= {"lost", "still", "same"}
    (group,) = [group for group in told["groups"] if group["change"] == "lost"]
    assert group["headline"].startswith(f"{OLD_ID} could not be used: ")


def test_the_history_and_the_report_know_the_runs(folder: Path) -> None:
    told = command("history", "compared", "--consumer", RECENT, "--all", "--json", cwd=folder)
    assert told.code == 0, told.err
    history = json.loads(told.out)
    latest = (folder / "reports" / "compared" / "latest").resolve().name
    assert history["runs"][-1]["id"] == latest
    assert {row["consumer"] for row in history["rows"]} == {RECENT}
    page = command("report", "compared", "--format", "html", cwd=folder)
    assert "What changed since the baseline" in page.out
