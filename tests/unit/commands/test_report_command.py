from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from ckptmatrix.report.folder import write_run
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import make_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

BAD = {"verdict": Verdict.FAILED, "reason": Reason.MISSING_GLOBAL, "as_expected": False}
NAMES = {
    *("report.html", "report.md", "outcomes.csv", "table.csv", "outcomes.parquet"),
    *("run-and-outcomes.json", "junit.xml", "badge.json"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that has ended."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "reports" / "example" / "r", make_run())
    return tmp_path / "reports" / "example" / "r"


def test_everything_goes_into_a_folder(folder: Path, command: Command) -> None:
    said = command("report", "example", "--out", "told/here")
    assert (said.code, said.err) == (0, "")
    there = folder.parents[2] / "told" / "here"
    assert {file.name for file in there.iterdir()} == NAMES
    assert len(pd.read_csv(there / "outcomes.csv")) == len(make_run().outcomes)
    assert len(pd.read_parquet(there / "outcomes.parquet")) == len(make_run().outcomes)
    root = ET.parse(there / "junit.xml").getroot()  # noqa: S314 - our own document is what is tested
    assert root.tag == "testsuites"
    assert len(said.out.splitlines()) == len(NAMES)


def test_without_a_folder_it_goes_beside_the_run(folder: Path, command: Command) -> None:
    assert command("report", folder).code == 0
    before = (folder / "outcomes.parquet").stat().st_mtime_ns
    assert command("report", folder).code == 0
    assert {file.name for file in folder.iterdir()} >= NAMES
    # That is the run's record.
    assert (folder / "outcomes.parquet").stat().st_mtime_ns == before


def test_one_text_is_printed(folder: Path, command: Command) -> None:
    assert folder.is_dir()
    assert json.loads(command("report", "example", "--format", "badge").out)["schemaVersion"] == 1
    assert command("report", "example", "--format", "markdown").out.startswith("# ckptmatrix")
    assert command("report", "example", "--format", "csv").out.startswith("producer,consumer,")


def test_one_file_is_written_where_it_is_asked_for(folder: Path, command: Command) -> None:
    said = command("report", "example", "--format", "parquet", "--out", "mine.parquet")
    assert said.out == "mine.parquet\n"
    assert len(pd.read_parquet(folder.parents[2] / "mine.parquet")) == len(make_run().outcomes)


def test_bytes_are_not_printed(folder: Path, command: Command) -> None:
    assert folder.is_dir()
    said = command("report", "example", "--format", "parquet")
    assert said.code == 2
    assert "fix: --out outcomes.parquet" in said.err


def test_a_run_that_has_not_ended(folder: Path, command: Command) -> None:
    write_run(folder.parent / "started", make_run(status="started", outcomes=()))
    said = command("report", folder.parent / "started")
    assert said.code == 2
    assert "has not ended" in said.err


def test_it_begins_with_what_changed_since_the_baseline(folder: Path, command: Command) -> None:
    alone = command("report", "example", "--format", "html").out
    assert "What changed since the baseline" not in alone
    later = edited(make_run(), (lambda outcome: outcome.case == "tensor_plain", BAD))
    started = later.started + timedelta(days=1)
    write_run(folder.parent / "s", replace(later, id="s", started=started))
    command("baseline", "set", folder)
    for form in ("html", "markdown"):
        text = command("report", "example", "--format", form).out
        assert "What changed since the baseline" in text
        assert "18 new failures" in text
        after = {"html": "Findings</h2>", "markdown": "## Findings"}[form]
        assert text.index("18 new failures") < text.index(after)
    itself = command("report", "example", "--format", "html", "--baseline", "example/s").out
    assert "What changed since the baseline" not in itself
