from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.archive.reading import Format
from ckptmatrix.providers.select import Choice
from given_files import Capable, capable_cells, write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakes import FakeProvider

    Command = Callable[..., Any]

OLD, NEW = "py3.10-torch1.13.1-default", "py3.11-torch2.6.0-default"
LISTED = {"count": 0, "first": []}
AS_IT_IS = {"place": "", "module": False, "strip": "", "add": "", "partial": False}
KINDS = dict.fromkeys(("loaded", "missing", "unexpected", "sizes", "casts"), LISTED)


def model(*, complete: bool) -> dict[str, Any]:
    error = None if complete else {"type": "RuntimeError", "message": "no"}
    first = {"how": AS_IT_IS, "error": error, "complete": complete, **KINDS}
    cured = {"how": {**AS_IT_IS, "strip": "module."}, "error": None, "complete": True, **KINDS}
    tries = [first] if complete else [first, cured]
    return {"trouble": None, "class": "mine.Net", "keys": 2, "tries": tries}


@pytest.fixture
def with_cells(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeProvider]:
    """Has ``check`` and ``rescue`` work with cells that can what is said."""

    def use(old: Capable, new: Capable, name: str = "fake") -> FakeProvider:
        provider = capable_cells({OLD: old, NEW: new})
        choice = Choice(name, f"{name}: for this test")
        for command in ("check", "rescue"):
            where = f"ckptmatrix.commands.{command}"
            monkeypatch.setattr(f"{where}.choose_provider", lambda *_, **__: choice)
            monkeypatch.setattr(f"{where}.make_provider", lambda *_, **__: provider)
        return provider

    return use


def test_a_file_that_all_load_alike_is_good(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable())
    path = write_checkpoint(tmp_path / "a.pt")
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    assert said.code == 0
    assert "2 of 2 cells can load it" in said.out
    assert "see the same, bit for bit" in said.out
    page = (tmp_path / "r" / "check" / "latest" / "check.md").read_text(encoding="utf-8")
    assert "| ✓ | ✓ | ✓ | ✓ | ✓ |" in page


def test_a_cell_that_cannot_load_it_is_named_and_why(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable(has=frozenset({"x"})))
    path = write_checkpoint(tmp_path / "a.pt", "x")
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    assert said.code == 1
    assert f"these cannot: {OLD}" in said.out
    assert "this cell has no x" in said.out


def test_cells_that_see_something_else_are_changed_from_what_most_see(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(sees={"v": "w"}), Capable())
    path = write_checkpoint(tmp_path / "a.pt")
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r", "--json")
    assert said.code == 1
    (file,) = said.json()["files"]
    verdicts = {(load["cell"], load["judgement"]["verdict"]) for load in file["loads"]}
    # Of two groups of one cell, the one with the newer torch is the reference.
    assert verdicts == {(OLD, "changed"), (NEW, "ok")}
    assert file["groups"] == [[NEW], [OLD]]


def test_the_same_check_again_starts_no_job(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    provider = with_cells(Capable(), Capable())
    path = write_checkpoint(tmp_path / "a.pt")
    asked = ("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    command(*asked)
    started = len(provider.jobs)
    said = command(*asked)
    assert len(provider.jobs) == started
    assert "0 jobs started: 0 loads done, 10 known before" in said.out


def test_a_model_is_tried_and_the_prefix_named(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    provider = with_cells(Capable(model=model(complete=False)), Capable(model=model(complete=True)))
    (tmp_path / "mine.py").write_text("", encoding="utf-8")
    path = write_checkpoint(tmp_path / "a.pt")
    asked = ("--matrix", matrix, "--out", tmp_path / "r", "--model", "mine.py:make")
    said = command("check", path, *asked)
    assert said.code == 1
    assert "its keys begin with «module.»" in said.out
    assert "(verified here)" in said.out
    jobs = [job for job in provider.jobs if any(task.fit for task in job.manifest.tasks)]
    assert len(jobs) == 2
    for job in jobs:
        assert job.inputs["model/mine.py"] == tmp_path / "mine.py"
        assert job.manifest.model is not None
    (tmp_path / "mine.py").write_text("# another model", encoding="utf-8")
    before = len(provider.jobs)
    command("check", path, *asked)
    assert len(provider.jobs) > before


def test_nothing_is_started_without_consent(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    provider = with_cells(Capable(), Capable(), "venv")
    path = write_checkpoint(tmp_path / "a.pt", value=Evil())
    asked = ("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    said = command(*asked)
    assert said.code == 2
    assert "nothing was loaded" in said.err
    assert (provider.prepared, provider.jobs) == ([], [])


class Evil:
    """Unpickling it calls something harmless that a reading cannot know to be."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return threading.Semaphore, (1,)


def test_wrong_files_are_a_wrong_usage(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable())
    said = command("check", tmp_path / "absent.pt", "--matrix", matrix)
    assert (said.code, "there is no such file" in said.err) == (2, True)


def test_a_sidecar_is_shown_and_a_stale_one_said(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable())
    path = write_checkpoint(tmp_path / "a.pt")
    assert command("stamp", path).code == 0
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    assert "sidecar: made with" in said.out
    write_checkpoint(path, value="w")
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    assert "sidecar: it was written for another file" in said.out
    assert "sidecar: made with" not in said.out


def test_a_rescue_writes_a_new_file_with_a_sidecar_and_never_over_another(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    helper = Capable(has=frozenset({"x"}), zip=("x",), legacy=())
    with_cells(Capable(), helper)
    path = write_checkpoint(tmp_path / "a.pt", "x")
    before = path.read_bytes()
    asked = ("rescue", path, "--to", OLD, "--matrix", matrix, "--reports", tmp_path / "r")
    said = command(*asked)
    new = tmp_path / f"a.for-{OLD}.pt"
    assert said.code == 0
    assert f"{NEW} (plain, saved as legacy) → {OLD}" in said.out
    assert path.read_bytes() == before
    sidecar = json.loads((tmp_path / f"{new.name}.ckptmatrix.json").read_bytes())
    assert sidecar["cell"] == NEW
    assert sidecar["extra"]["route"][0]["container"] == "legacy"
    again = command(*asked)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert command(*asked, "--force").code == 0
    itself = command(*asked, "--out", path, "--force")
    assert (itself.code, "is the file itself" in itself.err) == (2, True)
    # What was rescued loads as it is.
    said = command("rescue", new, "--to", OLD, "--matrix", matrix, "--reports", tmp_path / "r")
    assert (said.code, "nothing to rescue" in said.out) == (0, True)


def test_a_rescue_without_a_way_says_what_was_tried(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable(has=frozenset({"x"}), zip=("x",), legacy=("x",)))
    path = write_checkpoint(tmp_path / "a.pt", "x")
    said = command("rescue", path, "--to", OLD, "--matrix", matrix, "--reports", tmp_path / "r")
    assert said.code == 1
    assert f"there is no way into {OLD}" in said.out
    assert f"{OLD}: RuntimeError: this cell has no x" in said.out
    assert not (tmp_path / f"a.for-{OLD}.pt").exists()
    said = command("rescue", path, "--to", "py*", "--matrix", matrix)
    assert (said.code, "means 2 cells" in said.err) == (2, True)


def test_a_rescue_into_a_folder_is_told_to_name_a_file(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(), Capable())
    path = write_checkpoint(tmp_path / "a.pt")
    (tmp_path / "folder").mkdir()
    asked = ("rescue", path, "--to", OLD, "--matrix", matrix, "--out", tmp_path / "folder")
    for force in ((), ("--force",)):
        said = command(*asked, *force)
        assert (said.code, "folder is a folder" in said.err) == (2, True)
        assert "--force" not in said.err


def test_a_rescue_whose_sidecar_cannot_be_written_says_so_and_goes_on(
    command: Command,
    matrix: Path,
    tmp_path: Path,
    with_cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        msg = "the sidecar would have 5 bytes, 4 are allowed"
        raise ValueError(msg)

    with_cells(Capable(), Capable(has=frozenset({"x"}), zip=("x",), legacy=()))
    monkeypatch.setattr("ckptmatrix.commands.rescue.write_sidecar", refused)
    path = write_checkpoint(tmp_path / "a.pt", "x")
    said = command("rescue", path, "--to", OLD, "--matrix", matrix, "--reports", tmp_path / "r")
    assert (said.code, "note: the sidecar of" in said.err) == (0, True)
    assert (tmp_path / f"a.for-{OLD}.pt").exists()
    assert list((tmp_path / "r" / "rescue").glob("*/rescue.json"))


def test_a_rescue_of_what_is_not_saved_again_says_why(
    command: Command,
    matrix: Path,
    tmp_path: Path,
    with_cells: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_cells(Capable(), Capable(has=frozenset({"x"})))
    monkeypatch.setattr("ckptmatrix.run.given._CASES", dict.fromkeys(Format, "given_package"))
    path = write_checkpoint(tmp_path / "a.pt", "x")
    said = command("rescue", path, "--to", OLD, "--matrix", matrix, "--reports", tmp_path / "r")
    assert (said.code, "a file of torch.package is not saved again" in said.out) == (1, True)


def test_what_cannot_be_looked_into_is_not_said_to_be_the_same(
    command: Command, matrix: Path, tmp_path: Path, with_cells: Any
) -> None:
    with_cells(Capable(blind=True), Capable(blind=True))
    path = write_checkpoint(tmp_path / "a.pt")
    said = command("check", path, "--matrix", matrix, "--out", tmp_path / "r")
    assert said.code == 3
    assert "2 of 2 cells can load it" in said.out
    assert "nothing here can look inside" in said.out
    assert "see the same" not in said.out
