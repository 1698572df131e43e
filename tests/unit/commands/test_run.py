from __future__ import annotations

import json
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from ckptmatrix.errors import CellError, StoreError
from ckptmatrix.report.folder import read_run
from ckptmatrix.words import Reason, Verdict
from fakes import Behaviour, FakeProvider, FakeSide, Steps, good_cell
from scenario import TRUNCATED, interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Any]
    Inject = Callable[[FakeProvider], None]

OLD, NEW = "py3.10-torch1.13.1-default", "py3.11-torch2.6.0-default"
GOOD = Behaviour(raises=TRUNCATED)
LOST = Behaviour(refuses=CellError(Reason.PYTHON_NOT_FOUND, "there is no Python 3.10 here"))


def cells(**changes: Any) -> dict[str, Behaviour]:
    return {OLD: replace(GOOD, **changes), NEW: GOOD}


def test_a_run_ends_with_a_table_and_the_path_of_its_report(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells()))
    said = command("run", matrix)
    assert said.code == 0
    assert said.err == ""
    assert said.out.startswith("fake: instead of auto\n")
    assert OLD in said.out
    assert NEW in said.out
    assert "6 jobs started: " in said.out
    last = said.out.strip().splitlines()[-1]
    report = matrix.parent / last.removeprefix("report: ")
    assert report.name == "report.html"
    folder = report.parent
    assert (matrix.parent / "reports" / "small" / "latest").resolve() == folder.resolve()
    assert {path.name for path in folder.iterdir()} >= {
        "run.json",
        "outcomes.json",
        "outcomes.parquet",
        "table.csv",
        "report.md",
        "report.html",
        "plan.json",
        "matrix.yaml",
        "jobs",
    }
    assert (folder / "matrix.yaml").read_bytes() == matrix.read_bytes()
    plan = json.loads((folder / "plan.json").read_text())
    assert len(ckptmatrix.load_run(folder).frame()) == plan["cost"]["loads"]


def test_the_summary_as_json_is_all_there_is_on_standard_output(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells()))
    said = command("run", matrix, "--json")
    summary = said.json()
    assert said.code == 0
    assert set(summary) == {
        "folder",
        "status",
        "provider",
        "left",
        "verdicts",
        "jobs",
        "saves",
        "loads",
        "reused_saves",
        "reused_loads",
        "phases",
        "cells",
        "findings",
        "predictions",
    }
    assert (summary["status"], summary["provider"], summary["left"]) == ("complete", "fake", 0)
    assert set(summary["verdicts"]) == {verdict.value for verdict in Verdict}
    assert sum(summary["verdicts"].values()) == summary["loads"]
    assert summary["cells"][OLD] == {"verdict": "ok", "reason": None, "message": ""}
    assert "fake: instead of auto" in said.err


def test_a_second_run_does_nothing_in_a_folder_of_its_own(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells()))
    first, second = (command("run", matrix, "--json").json() for _ in range(2))
    assert (second["jobs"], second["loads"]) == (0, 0)
    assert second["reused_loads"] == first["loads"]
    assert second["folder"] != first["folder"]
    assert command("run", matrix, "--json", "--fresh").json()["loads"] == first["loads"]
    elsewhere = command("run", matrix, "--json", "--store", "another").json()
    assert elsewhere["loads"] == first["loads"]


def test_a_cell_that_cannot_be_used_is_exit_code_3_and_the_rest_is_there(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider({OLD: LOST, NEW: GOOD}))
    said = command("run", matrix)
    assert said.code == 3
    assert "there is no Python 3.10 here" in said.out
    summary = command("run", matrix, "--json").json()
    assert summary["cells"][OLD]["reason"] == "python_not_found"
    assert summary["verdicts"]["ok"] > 0


def test_a_cell_lost_on_the_way_is_exit_code_3(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells(dies_at="module_linear")))
    assert command("run", matrix, "--json").code == 3


def test_loads_that_fail_are_an_answer_and_exit_code_0(
    command: Command, inject: Inject, matrix: Path
) -> None:
    raises = {**TRUNCATED, "module_linear": "RuntimeError: no"}
    inject(FakeProvider(cells(raises=raises)))
    said = command("run", matrix, "--json")
    assert said.code == 0
    assert said.json()["verdicts"]["failed"] > 0
    assert said.json()["findings"]


def test_only_the_wanted_cells_and_cases(command: Command, inject: Inject, matrix: Path) -> None:
    inject(FakeProvider(cells()))
    more = matrix.read_text().replace("[module_linear]", "[module_linear, numpy_scalar]")
    matrix.write_text(more)
    summary = command(
        "run", matrix, "--json", "--cells", "py3.11*", "--cases", "family:numpy"
    ).json()
    assert list(summary["cells"]) == [NEW]
    plan = json.loads((Path(summary["folder"]) / "plan.json").read_text())
    assert [case["name"] for case in plan["cases"] if not case["control"]] == ["numpy_scalar"]


@pytest.mark.parametrize("as_json", [True, False])
def test_an_interrupt_is_130_and_says_what_is_left(
    command: Command, inject: Inject, matrix: Path, *, as_json: bool
) -> None:
    def stops(side: FakeSide) -> Steps:
        for step in good_cell(side):
            yield step
            if side.manifest["phase"] == "load" and isinstance(step, bytes) and b'"done"' in step:
                interrupt()
                while True:
                    yield 0.01
        return 0

    inject(FakeProvider(cells(), program=stops))
    said = command("run", matrix, "--jobs", 1, *(["--json"] if as_json else []))
    assert said.code == 130
    record = json.loads((matrix.parent / "reports/small/latest/run.json").read_text())
    assert record["status"] == "interrupted"
    inject(FakeProvider(cells()))
    rest = command("run", matrix, "--json").json()
    left = said.json()["left"] if as_json else rest["loads"]
    assert rest["loads"] == left > 0
    if not as_json:
        assert f"goes on with the {left} saves and loads that are left" in said.out


def test_a_run_that_could_not_end_leaves_a_readable_record(
    command: Command, inject: Inject, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    inject(FakeProvider(cells()))
    monkeypatch.setattr("ckptmatrix.store.Store.add_checkpoint", full)
    (scratch := matrix.parent / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    said = command("run", matrix)
    assert said.code == 3
    assert said.err == "error: somewhere: No space left on device\n"
    folder = matrix.parent / "reports/small/latest"
    record = read_run(folder)
    assert record.status == "failed"
    assert {cell.verdict for cell in record.cells} == {Verdict.OK}
    assert "The run failed before its end" in (folder / "report.md").read_text()
    assert list(scratch.iterdir()) == []


def test_a_disk_too_full_for_the_record_does_not_hide_what_ended_the_run(
    command: Command, inject: Inject, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        monkeypatch.setattr("ckptmatrix.commands.run.write_run", also_full)
        raise OSError(28, "No space left on device", "somewhere")

    def also_full(*_: Any) -> None:
        msg = "and elsewhere"
        raise StoreError(msg)

    inject(FakeProvider(cells()))
    monkeypatch.setattr("ckptmatrix.store.Store.add_checkpoint", full)
    said = command("run", matrix)
    assert (said.code, said.err) == (3, "error: somewhere: No space left on device\n")


def test_a_save_that_could_not_be_measured_is_exit_code_3(
    command: Command, inject: Inject, matrix: Path
) -> None:
    full = {"module_linear": "OSError: [Errno 28] No space left on device"}
    inject(FakeProvider(cells(save_raises=full)))
    said = command("run", matrix)
    assert said.code == 3
    assert "the cell found its disk full" in said.out
    inject(FakeProvider(cells()))
    assert command("run", matrix).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_end_a_run_as_an_interrupt_does(
    command: Command, inject: Inject, matrix: Path, number: signal.Signals, code: int
) -> None:
    def stops(side: FakeSide) -> Steps:
        for step in good_cell(side):
            yield step
            if isinstance(step, bytes) and b'"done"' in step:
                os.kill(os.getpid(), number)
                while True:
                    yield 0.01
        return 0

    inject(FakeProvider(cells(), program=stops))
    said = command("run", matrix, "--jobs", 1)
    assert said.code == code
    assert said.out.count("stopping …") == 1
    assert "interrupted: what is finished is kept" in said.out
    record = json.loads((matrix.parent / "reports/small/latest/run.json").read_text())
    assert record["status"] == "interrupted"


def test_settings_that_do_nothing_are_said(command: Command, inject: Inject, matrix: Path) -> None:
    inject(FakeProvider(cells()))
    assert "not used" not in command("run", matrix).out
    matrix.write_text(matrix.read_text() + "limits: {disk: 5GB}\n")
    assert "not used: limits.disk (" in command("run", matrix).out


@pytest.mark.parametrize("option", ["--out", "--store"])
def test_a_folder_that_cannot_be_made(
    command: Command, inject: Inject, matrix: Path, option: str
) -> None:
    inject(FakeProvider(cells()))
    (matrix.parent / "file").write_text("")
    said = command("run", matrix, option, "file/below")
    assert said.code in {2, 3}
    assert "file/below" in said.err
    assert "fix: " in said.err


def test_a_file_where_a_folder_is_wanted(command: Command, matrix: Path) -> None:
    said = command("run", matrix, "--out", matrix)
    assert said.code == 2
    assert "--out" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "cloud"], "'cloud' is not one of 'auto', 'venv', 'docker'"),
        (["--jobs", "0"], "0 is not in the range"),
        (["--cells", "py3.11-torch2.6*cpu"], "did you mean py3.11-torch2.6.0-default"),
        (["--cases", "modul_linear"], "did you mean module_linear"),
        (["--cells", "py*,!py*"], "no cell is left"),
        (["--sideways"], "No such option"),
    ],
)
def test_wrong_options(command: Command, matrix: Path, arguments: list[str], words: str) -> None:
    said = command("run", matrix, *arguments)
    assert said.code == 2
    assert words in said.err
    assert not (matrix.parent / "reports").exists()
