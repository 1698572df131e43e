"""The fake speaks the protocol the orchestrator validates; a fake that does not proves nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.base import Ending, Job, JobEnd
from ckptmatrix.wire import EVENT, Done, Manifest, Task
from ckptmatrix.words import Mode, Phase, Reason, Result
from fakes import Behaviour, FakeProvider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CELL = Cell(id="c", python="3.11", torch="2.6.0", cuda="cpu", numpy="<2", packages=("six==1.17.0",))


def run(
    behaviour: Behaviour, folder: Path, manifest: Manifest, inputs: Mapping[str, Path]
) -> tuple[JobEnd, list[Any]]:
    provider = FakeProvider({"c": behaviour})
    made = provider.prepare(CELL, cancel=threading.Event(), progress=lambda _phrase: None)
    folder.mkdir()
    lines: list[bytes] = []
    job = Job(id="j", manifest=manifest, inputs=inputs, output=folder, deadline_s=0.5)
    end = provider.run_job(made, job, on_line=lines.append, cancel=threading.Event())
    return end, [EVENT.validate_json(line) for line in lines]


def save(folder: Path, behaviour: Behaviour | None = None) -> tuple[JobEnd, list[Any]]:
    task = Task(id="s", case="k", path="k/checkpoint.pt")
    manifest = Manifest(phase=Phase.SAVE, tasks=(task,))
    return run(behaviour or Behaviour(), folder, manifest, {})


def load(folder: Path, behaviour: Behaviour, **changes: str) -> tuple[JobEnd, list[Any]]:
    task = Task(id="l", case="k", path="in.pt", mode=Mode.PLAIN).model_copy(update=changes)
    saved = folder / "saved"
    save(saved)
    manifest = Manifest(phase=Phase.LOAD, tasks=(task,))
    return run(behaviour, folder / "load", manifest, {"in.pt": saved / "k" / "checkpoint.pt"})


def done(events: list[Any]) -> Done:
    return next(event for event in events if isinstance(event, Done))


def test_what_a_good_cell_saved_another_loads_unchanged(tmp_path: Path) -> None:
    _, saved = save(tmp_path / "save")
    end, loaded = load(tmp_path, Behaviour())
    assert [event.event for event in loaded] == ["hello", "started", "observation", "done", "bye"]
    assert done(loaded).observation == done(saved).observation is not None
    checkpoint = done(saved).checkpoint
    assert checkpoint is not None
    assert checkpoint.bytes == (tmp_path / "save/k/checkpoint.pt").stat().st_size
    assert (end.ending, end.exit_code) == (Ending.EXITED, 0)


def test_a_good_cell_is_what_its_id_says(tmp_path: Path) -> None:
    facts = save(tmp_path / "save")[1][0].facts
    assert (facts.python, facts.torch, facts.torch_cuda) == ("3.11.0", "2.6.0", None)
    assert facts.numpy.startswith("1.")
    assert [(p.name, p.version) for p in facts.packages] == [("six", "1.17.0")]


def test_faults_are_as_asked_for(tmp_path: Path) -> None:
    (_, raised) = load(tmp_path, Behaviour(raises={"k": "RuntimeError: no"}))
    assert done(raised).result is Result.RAISED
    assert done(raised).exception is not None
    (_, refused) = save(tmp_path / "refused", Behaviour(save_raises={"k": "TypeError: no"}))
    assert (done(refused).result, done(refused).checkpoint) == (Result.RAISED, None)
    (died, said) = save(tmp_path / "died", Behaviour(dies_at="k"))
    assert (died.exit_code, said[-1].event) == (-11, "started")
    (hung, _) = save(tmp_path / "hung", Behaviour(hangs_at="k"))
    assert hung.ending is Ending.DEADLINE
    (_, other) = save(tmp_path / "other", Behaviour(facts={"torch": "1.0.0"}))
    assert other[0].facts.torch == "1.0.0"


def test_a_changed_observation_and_a_changed_file_are_told(tmp_path: Path) -> None:
    empty = {"version": 1, "leaves": [], "aliases": []}
    _, changed = load(tmp_path, Behaviour(observes={"k": empty}))
    assert changed[2].value == empty


def test_a_file_that_is_not_the_one_asked_for_is_a_mismatch(tmp_path: Path) -> None:
    _, events = load(tmp_path, Behaviour(), sha256="0" * 64)
    assert done(events).result is Result.INPUT_MISMATCH


def test_a_refused_cell_is_never_prepared() -> None:
    refusal = CellError(Reason.INSTALL_FAILED, "no")
    provider = FakeProvider({"c": Behaviour(refuses=refusal)})
    with pytest.raises(CellError):
        provider.prepare(CELL, cancel=threading.Event(), progress=lambda _phrase: None)
    assert provider.prepared == []
