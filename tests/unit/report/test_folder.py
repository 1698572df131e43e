from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import StoreError, UsageError
from ckptmatrix.record import CellRecord, RunRecord
from ckptmatrix.report.folder import read_run, write_run
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = [
    "outcomes.json",
    "outcomes.parquet",
    "predictions.json",
    "report.html",
    "report.md",
    "run.json",
    "table.csv",
]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_run_comes_back_as_it_was_written(tmp_path: Path, run: RunRecord) -> None:
    folder = tmp_path / "example" / run.id
    write_run(folder, run)
    assert names(folder) == FILES
    assert read_run(folder) == run
    assert read_run(folder, outcomes=False) == replace(run, outcomes=())
    assert json.loads((folder / "run.json").read_text())["format"] == 3
    rows = json.loads((folder / "outcomes.json").read_text())
    assert len(rows) == len(run.outcomes)
    assert len((folder / "outcomes.json").read_text().splitlines()) == len(rows) + 2


def test_every_kind_of_cell_comes_back(tmp_path: Path, run: RunRecord) -> None:
    broken = CellRecord(
        id="a",
        declared="b",
        verdict=Verdict.ERROR,
        reason=Reason.INSTALL_FAILED,
        message="pip said no",
        log_tail="é\n\x1b[31m",
        packages=("torch==2.6.0",),
        notes=("one", "two"),
        trusted=False,
        distrust="control_truncated loaded",
        prepare_seconds=1.5,
        reused=True,
    )
    changed = replace(run, cells=(*run.cells, broken))
    write_run(tmp_path / "r", changed)
    assert read_run(tmp_path / "r") == changed


def test_latest_points_to_the_last_run_that_ended(
    tmp_path: Path, run: RunRecord, change_run: Callable[..., RunRecord]
) -> None:
    latest = tmp_path / "latest"
    write_run(tmp_path / "one", run)
    write_run(tmp_path / "two", change_run(id="two", status="interrupted"))
    assert latest.readlink() == Path("two")
    started = change_run(id="three", status="started", ended=None, outcomes=())
    write_run(tmp_path / "three", started)
    assert latest.readlink() == Path("two")
    assert read_run(latest).status == "interrupted"
    assert names(tmp_path / "three") == ["run.json"]
    assert read_run(tmp_path / "three") == started


def test_a_run_without_outcomes_is_written_too(
    tmp_path: Path, change_run: Callable[..., RunRecord]
) -> None:
    empty = change_run(outcomes=(), cells=(), saves=(), cases={})
    write_run(tmp_path / "r", empty)
    assert read_run(tmp_path / "r") == empty
    assert "No load came to an answer" in (tmp_path / "r" / "report.md").read_text()


def test_hostile_text_is_written_and_read(
    tmp_path: Path, run: RunRecord, make_outcome: Callable[..., Any]
) -> None:
    hostile = make_outcome(
        verdict=Verdict.FAILED,
        reason=Reason.LOAD_ERROR,
        as_expected=False,
        message="\x00\u2028\u202e</script>\n" + "é" * 100_000,
        entity="a\ud800b",
        warnings=("UserWarning: \udcff",),
    )
    write_run(tmp_path / "r", replace(run, outcomes=(hostile,)))
    (found,) = read_run(tmp_path / "r").outcomes
    assert found.judgement.message == hostile.judgement.message
    assert found.judgement.entity == "a\\ud800b"
    assert found.warnings == ("UserWarning: \\udcff",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": 9, "ckptmatrix": "9.0"}', r"ckptmatrix 9.0 in format 9.*\n    fix: upgrade"),
        ('{"format": 0}', r"format 0, which is older.*\n    fix: run the matrix again"),
        ('{"format": "1"}', "not the record of a run"),
        ("[]", "not the record of a run"),
        ("{", "damaged"),
        ('{"format": 3}', r"damaged.*\n    fix: run the matrix again"),
        ("\x00\xff", "damaged"),
    ],
)
def test_another_run_json_says_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=message):
        read_run(tmp_path)


@pytest.mark.parametrize("content", ["[1]", "{", "[{}]", '[{"verdict": "ok"}]', "3"])
def test_damaged_outcomes_say_so(tmp_path: Path, run: RunRecord, content: str) -> None:
    write_run(tmp_path / "r", run)
    (tmp_path / "r" / "outcomes.json").write_text(content)
    with pytest.raises(UsageError, match="damaged"):
        read_run(tmp_path / "r")
    assert read_run(tmp_path / "r", outcomes=False).id == run.id


def test_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not the folder of a run: it has no run\.json"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match="not the folder of a run"):
        read_run(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not the folder of a run"):
        read_run(tmp_path / "file")
    (tmp_path / "run.json").mkdir()
    with pytest.raises(UsageError, match=r"run\.json: is a directory"):
        read_run(tmp_path)


def test_a_file_in_the_way_names_it(tmp_path: Path, run: RunRecord) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"taken.*\n    fix: "):
        write_run(tmp_path / "taken", run)


def test_until_all_is_written_the_run_reads_as_started(
    tmp_path: Path, run: RunRecord, change_run: Callable[..., RunRecord]
) -> None:
    """What a process that is killed while it writes leaves behind."""
    folder = tmp_path / "r"
    write_run(folder, change_run(status="started", ended=None, outcomes=()))
    (folder / "table.csv").mkdir()
    with pytest.raises(StoreError, match=r"table\.csv"):
        write_run(folder, run)
    assert read_run(folder).status == "started"


def test_writing_a_run_imports_neither_pandas_nor_rich() -> None:
    """Each takes longer than everything else a run has to do at its end."""
    code = (
        "import sys\n"
        "from ckptmatrix.report import folder, parquet\n"
        "assert not {'pandas', 'rich', 'pyarrow'} & sys.modules.keys()\n"
        "parquet.to_parquet([])\n"
        "assert not {'pandas', 'rich'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
