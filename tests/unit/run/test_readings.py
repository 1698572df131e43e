"""Checkpoints are read once, cheaply, and no file can end a run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.plan import plan_matrix
from ckptmatrix.run.phases import Seen
from ckptmatrix.run.readings import read_all
from ckptmatrix.store import Store
from ckptmatrix.wire import Checkpoint, CheckpointFile, Done
from ckptmatrix.words import Result, Stage
from scenario import a_case, some_cells

if TYPE_CHECKING:
    import pytest

    from ckptmatrix.plan import Save
    from scenario import Ran, Scenario


def predicted(ran: Ran) -> list[bool]:
    return [outcome.prediction is not None for outcome in ran.finished.record.outcomes]


def test_every_checkpoint_of_a_run_is_read_and_every_load_predicted(scenario: Scenario) -> None:
    ran = scenario.run(some_cells(2))
    assert predicted(ran) == [True] * 16
    assert "not read" not in ran.said


def test_a_checkpoint_is_read_once_and_not_again_in_the_next_run(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts opened checkpoints: the reader is the only one to open them for reading alone."""
    opened: list[str] = []
    real = os.pread

    def count(descriptor: int, length: int, offset: int) -> bytes:
        opened.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", count)
    first = scenario.run(some_cells(2))
    assert opened
    opened.clear()
    again = scenario.run(some_cells(2))
    assert opened == []
    assert [outcome.prediction for outcome in again.finished.record.outcomes] == [
        outcome.prediction for outcome in first.finished.record.outcomes
    ]


def a_save(place: Path, text: str) -> Done:
    """What a cell says that saved a file."""
    place.write_text(text, encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    file = CheckpointFile(path=".", bytes=len(text), sha256=digest)
    return Done(
        event="done",
        task="1",
        attempt=1,
        isolation="alone",
        result=Result.RETURNED,
        stage=Stage.SAVE,
        seconds=0.1,
        checkpoint=Checkpoint(sha256=digest, bytes=len(text), files=(file,)),
    )


def test_what_cannot_be_read_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    plan = plan_matrix("m", some_cells(2), [a_case("one")])
    said: list[str] = []
    with Store(tmp_path / "store") as store:
        attempts: dict[Save, tuple[Done, ...]] = {}
        place = tmp_path
        for number, save in enumerate(plan.saves()):
            source = tmp_path / f"{number}.json"
            attempts[save] = (a_save(source, f'{{"number": {number}}}'),)
            checkpoint = attempts[save][0].checkpoint
            assert checkpoint is not None
            place = store.add_checkpoint(source, checkpoint, "checkpoint.pt")
        place.unlink()
        os.mkfifo(place)
        readings = read_all(store, plan, Seen(attempts=attempts), say=said.append)
    assert [reading.note for reading in readings.values()] == ["a file of JSON"]
    (sentence,) = said
    assert sentence.startswith(f"{list(attempts)[-1].producer}, one: the checkpoint was not read")


def test_a_checkpoint_that_is_not_there_any_more_has_no_reading(tmp_path: Path) -> None:
    plan = plan_matrix("m", some_cells(1), [a_case("one")])
    with Store(tmp_path) as store:
        assert read_all(store, plan, Seen()) == {}
