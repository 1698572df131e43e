"""``diff``, ``baseline`` and ``gate`` as they are typed."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.cli import main
from ckptmatrix.report.folder import write_run
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import make_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.judge.outcome import Outcome

    Command = Callable[..., Any]

FIRST, SECOND = "20260102-030405", "20260103-030405"
LOUD = {"verdict": Verdict.FAILED, "reason": Reason.MISSING_GLOBAL, "as_expected": False}


def plain(outcome: Outcome) -> bool:
    return outcome.case == "tensor_plain"


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of a matrix, of which the second has a new failure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "reports" / "example"
    write_run(folder / FIRST, replace(make_run(), id=FIRST))
    second = edited(make_run(), (plain, LOUD))
    started = second.started + timedelta(days=1)
    write_run(folder / SECOND, replace(second, id=SECOND, started=started))
    return folder


def test_a_diff_of_two_runs_by_name(reports: Path, command: Command) -> None:
    said = command("diff", f"example/{FIRST}", "example")
    assert (said.code, said.err) == (0, "")
    assert f"Since run {FIRST}" in said.out
    assert "18 new failures" in said.out
    by_folder = command("diff", reports / FIRST, reports / "latest")
    assert by_folder.out == said.out


def test_a_diff_as_markdown_and_as_json(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    text = command("diff", f"example/{FIRST}", "example", "--format", "markdown").out
    assert text.startswith("`Since run")
    told = command("diff", f"example/{FIRST}", "example", "--format", "json").json()
    assert told["counts"]["new-failure"] == 18


def test_a_run_that_is_not_there(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("diff", "example/20260102-030406", "example")
    assert said.code == 2
    assert f"did you mean example/{FIRST}" in said.err
    nothing = command("diff", "exam", "example", "--reports", "elsewhere")
    assert "elsewhere has no runs" in nothing.err


def test_two_matrices_are_compared_with_a_word(reports: Path, command: Command) -> None:
    write_run(reports.parent / "other" / FIRST, make_run(matrix="other"))
    assert "two matrices are compared: other and example" in command("diff", "other", "example").out


def test_a_run_that_has_not_ended(reports: Path, command: Command) -> None:
    write_run(reports / "started", make_run(status="started", outcomes=()))
    said = command("diff", reports / "started", "example")
    assert (said.code, "has not ended" in said.err) == (2, True)


def test_a_baseline_is_set_shown_and_used(reports: Path, command: Command) -> None:
    without = command("gate", "example")
    assert without.code == 2
    assert "has no baseline" in without.err
    assert "fix: ckptmatrix baseline set" in without.err
    assert "has no baseline" in command("baseline", "show", "example").err
    assert command("baseline", "set", f"example/{FIRST}").code == 0
    assert (reports / "baseline").resolve().name == FIRST
    assert FIRST in command("baseline", "show", "example").out
    assert command("baseline", "show", "example", "--json").json()["id"] == FIRST
    said = command("gate", "example")
    assert said.code == 1
    assert "new-failure: 18" in said.out
    assert command("gate", "example/baseline").code == 0
    command("baseline", "set", "example")
    assert command("gate", "example").code == 0


def test_a_baseline_that_is_gone_is_told_wherever_it_is_asked(
    reports: Path, command: Command
) -> None:
    command("baseline", "set", f"example/{FIRST}")
    shutil.rmtree(reports / FIRST)
    for words in (("gate", "example"), ("baseline", "show", "example"), ("report", "example")):
        said = command(*words)
        assert said.code == 2, words
        assert f"points to {FIRST}, which is not there any more" in said.err


def test_a_gate_takes_only_whole_runs(reports: Path, command: Command) -> None:
    write_run(reports / "half", make_run(id="half", status="interrupted"))
    said = command("gate", reports / "half", "--baseline", "none")
    assert (said.code, "is interrupted" in said.err) == (2, True)
    base = command("gate", f"example/{FIRST}", "--baseline", reports / "half")
    assert (base.code, "is interrupted" in base.err) == (2, True)


def test_a_run_of_some_cases_is_no_baseline(reports: Path, command: Command) -> None:
    write_run(reports / "some", make_run(id="some", partial=True))
    said = command("baseline", "set", reports / "some")
    assert (said.code, "has only some cells or cases" in said.err) == (2, True)


def test_a_console_without_our_characters(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reports.is_dir()
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    for words in (
        ("gate", "example", "--baseline", f"example/{FIRST}"),
        ("diff", f"example/{FIRST}", "example"),
        ("history", "example"),
    ):
        assert main([*words]) in {0, 1}


def test_a_run_that_was_interrupted_is_no_baseline(reports: Path, command: Command) -> None:
    write_run(reports / "half", make_run(status="interrupted"))
    said = command("baseline", "set", reports / "half")
    assert said.code == 2
    assert "is interrupted" in said.err
    assert not (reports / "baseline").exists()


def test_a_gate_without_a_baseline(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    assert command("gate", "example", "--baseline", "none").code == 0
    said = command("gate", "example", "--baseline", "none", "--fail-on", "failure")
    assert said.code == 1
    assert "failure: " in said.out


def test_what_is_expected_passes(reports: Path, command: Command) -> None:
    path = reports / "expect.yaml"
    path.write_text(
        "expect:\n  - {case: tensor_plain, verdict: failed, why: known, expires: 2999-12-31}\n",
        encoding="utf-8",
    )
    options = ("--baseline", f"example/{FIRST}", "--expect", path)
    said = command("gate", "example", *options)
    assert (said.code, said.err) == (0, "")
    assert "18 loads not as it should be, as expected" in said.out
    told = command("gate", "example", *options, "--json").json()
    assert (told["passes"], told["accepted"]) == (True, 18)
    path.write_text("expect: [{cas: x}]\n", encoding="utf-8")
    wrong = command("gate", "example", *options)
    assert wrong.code == 2
    assert f"{path}:1:" in wrong.err
    assert "did you mean case?" in wrong.err


def test_an_unknown_rule(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("gate", "example", "--fail-on", "failures")
    assert said.code == 2
    assert "is not one of" in said.err


def test_what_is_not_new_says_since_when(reports: Path, command: Command) -> None:
    third = "20260104-030405"
    again = edited(make_run(), (plain, LOUD))
    started = again.started + timedelta(days=2)
    write_run(reports / third, replace(again, id=third, started=started))
    told = command("diff", f"example/{SECOND}", f"example/{third}", "--format", "json").json()
    (group,) = [each for each in told["groups"] if each["cases"] == ["tensor_plain"]]
    assert (group["change"], group["since"], group["runs"]) == ("still", SECOND, 2)
    assert f"since {SECOND}, 2 runs" in group["sentence"]


def test_what_json_a_diff_prints_is_whole(reports: Path, command: Command) -> None:
    assert reports.is_dir()
    said = command("diff", "example", f"example/{FIRST}", "--format", "json")
    assert json.loads(said.out)["counts"]["fixed"] == 18
