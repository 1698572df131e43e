from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.commands.check import exit_code
from ckptmatrix.commands.check_report import check_markdown
from ckptmatrix.errors import CellError, ExitCode
from ckptmatrix.plan import plan_matrix
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.run import check
from ckptmatrix.run.check import CheckFinished, drive_check
from ckptmatrix.run.check_record import CheckRecord, to_json
from ckptmatrix.run.given import open_given
from ckptmatrix.store import Store
from ckptmatrix.wire import Limits
from ckptmatrix.words import Mode, Reason, Verdict
from fakes import Behaviour, FakeProvider
from given_files import Capable, capable_cells, write_checkpoint
from scenario import Scenario, some_cells

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

A, B, C = some_cells(3)
CAN = Capable()


def checked(
    scenario: Scenario, path: Path, provider: FakeProvider, *, cancel: bool = False, **plan: Any
) -> CheckFinished:
    (given,) = open_given([path], memory_bytes=1_000_000)
    with Store(scenario.folder / "store") as store:
        setting = scenario.setting(provider, store)
        if cancel:
            setting.cancel.set()
        return drive_check(setting, plan_matrix("m", [A, B, C], (), **plan), [given], run_id="r")


def verdicts(record: CheckRecord) -> dict[str, set[Verdict]]:
    (file,) = record.files
    return {
        cell.id: {load.judgement.verdict for load in file.loads if load.cell == cell.id}
        for cell in record.cells
    }


def test_a_cell_that_cannot_be_made_is_an_error_and_no_incompatibility(
    scenario: Scenario, tmp_path: Path
) -> None:
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    refusal = CellError(Reason.INSTALL_FAILED, "no room")
    provider.behaviours[B.id] = Behaviour(refuses=refusal)
    record = checked(scenario, write_checkpoint(tmp_path / "a.pt"), provider).record
    assert verdicts(record) == {A.id: {Verdict.OK}, B.id: {Verdict.ERROR}, C.id: {Verdict.OK}}
    assert record.files[0].loads_in(B.id) is None
    assert "2 of 2 cells can load it; 1 could not be asked" in check_markdown(record)
    assert exit_code(record) is ExitCode.UNUSABLE


def test_a_cell_that_cannot_exist_takes_nothing_from_the_answer(
    scenario: Scenario, tmp_path: Path
) -> None:
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    record = checked(
        scenario,
        write_checkpoint(tmp_path / "a.pt"),
        provider,
        why_no_wheel=lambda cell: "no such wheel" if cell == B else None,
    ).record
    assert verdicts(record)[B.id] == {Verdict.UNSUPPORTED}
    assert exit_code(record) is ExitCode.COMPLETE


def test_a_lost_cell_is_told_from_one_that_cannot_load(scenario: Scenario, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "x")
    able = Capable(has=frozenset({"x"}))
    provider = capable_cells({A.id: able, B.id: CAN, C.id: able})
    record = checked(scenario, path, provider).record
    assert verdicts(record) == {A.id: {Verdict.OK}, B.id: {Verdict.FAILED}, C.id: {Verdict.OK}}
    assert exit_code(record) is ExitCode.GATE
    assert list(record.files[0].groups) == [(A.id, C.id)]


def test_a_file_that_changes_meanwhile_is_no_incompatibility(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    told = provider.run_job

    def run_job(environment: Any, job: Any, **rest: Any) -> Any:
        if job.manifest.phase == "load":
            write_checkpoint(path, value="another")
        return told(environment, job, **rest)

    provider.run_job = run_job  # type: ignore[method-assign]
    record = checked(scenario, path, provider).record
    reasons = {load.judgement.reason for load in record.files[0].loads}
    assert reasons == {Reason.CHECKPOINT_CORRUPT}
    assert "changed while" in record.files[0].loads[0].judgement.message
    assert exit_code(record) is ExitCode.UNUSABLE


def test_an_interrupt_keeps_what_is_final_and_counts_the_rest(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    finished = checked(scenario, path, provider, cancel=True)
    assert (finished.record.status, finished.left) == ("interrupted", 15)
    assert finished.failure is None
    finished = checked(scenario, path, provider)
    assert (finished.record.status, finished.left) == ("complete", 0)


def test_a_store_that_breaks_fails_the_check_and_leaves_a_record(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    told = provider.prepare
    boom = RuntimeError("a bug of ours")

    def prepare(cell: Any, **rest: Any) -> Any:
        if cell == C:
            raise boom
        return told(cell, **rest)

    provider.prepare = prepare  # type: ignore[method-assign]
    finished = checked(scenario, path, provider)
    assert (finished.record.status, finished.failure) == ("failed", boom)


def test_the_record_is_json_and_the_page_cannot_be_broken_by_a_file(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a|<b>\n[x](y).pt", "x")
    odd = Capable(has=frozenset({"x"}), sees={"v": "<script>|\u202e\n# title"})
    able = Capable(has=frozenset({"x"}))
    provider = capable_cells({A.id: odd, B.id: able, C.id: able})
    record = checked(scenario, path, provider).record
    assert to_json(record)["files"][0]["path"] == str(path)
    assert verdicts(record)[A.id] == {Verdict.CHANGED}
    page = check_markdown(record)
    assert "<script>" not in page
    assert "\u202e" not in page
    titles = [line for line in page.splitlines() if line.startswith("#")]
    assert len(titles) == 2


def test_modes_come_in_rising_trust(scenario: Scenario, tmp_path: Path) -> None:
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    record = checked(scenario, write_checkpoint(tmp_path / "a.pt"), provider).record
    modes = [load.mode for load in record.files[0].loads if load.cell == A.id]
    assert modes == [Mode.PLAIN, Mode.MAPPED, Mode.RESTRICTED, Mode.MMAP, Mode.TRUSTED]


def test_a_prediction_is_told_what_a_load_may_take(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: set[Loading] = set()

    def predict(_reading: object, _facts: object, loading: Loading) -> Prediction:
        told.add(loading)
        return Prediction()

    monkeypatch.setattr(check, "predict", predict)
    provider = capable_cells({A.id: CAN, B.id: CAN, C.id: CAN})
    checked(scenario, write_checkpoint(tmp_path / "a.pt"), provider)
    modes = (Mode.PLAIN, Mode.MAPPED, Mode.RESTRICTED, Mode.MMAP, Mode.TRUSTED)
    limit = Limits().memory_bytes
    assert told == {Loading(mode=mode, memory_bytes=limit) for mode in modes}
