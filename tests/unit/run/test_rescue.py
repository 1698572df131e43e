from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.plan import plan_matrix
from ckptmatrix.run.given import open_given
from ckptmatrix.run.prepare import Prepared
from ckptmatrix.run.rescue import Rescue, drive_rescue
from ckptmatrix.store import Store
from ckptmatrix.words import Mode
from given_files import Capable, capable_cells, write_checkpoint
from scenario import Scenario, some_cells

if TYPE_CHECKING:
    from pathlib import Path

    from fakes import FakeProvider

A, B, C, D = some_cells(4)
NEW, OLD = frozenset({"new", "old"}), frozenset({"old"})


def rescued(
    scenario: Scenario, path: Path, cells: dict[str, Capable]
) -> tuple[Rescue, FakeProvider]:
    """A search for a way into the first cell."""
    declared = [cell for cell in (A, B, C, D) if cell.id in cells]
    provider = capable_cells(cells)
    (given,) = open_given([path], memory_bytes=1_000_000)
    with Store(scenario.folder / "store") as store:
        setting = scenario.setting(provider, store)
        plan = plan_matrix("m", declared, ())
        return drive_rescue(setting, plan, given, A.id, Prepared()), provider


def test_what_loads_already_is_not_saved_again(scenario: Scenario, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "old")
    found, provider = rescued(scenario, path, {A.id: Capable(has=OLD), B.id: Capable(has=OLD)})
    assert found.already is Mode.PLAIN
    assert found.route is None
    assert {job.manifest.phase.value for job in provider.jobs} == {"probe", "load"}


def test_the_legacy_format_is_tried_where_the_zip_file_does_not_help(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "new")
    before = path.read_bytes()
    found, _ = rescued(
        scenario,
        path,
        {A.id: Capable(has=OLD), B.id: Capable(has=NEW, zip=("new",), legacy=("old",))},
    )
    assert found.route is not None
    assert [(step.cell, step.container) for step in found.route.steps] == [(B.id, "legacy")]
    assert found.route.differences == ()
    assert found.route.path.read_bytes() != before
    assert path.read_bytes() == before
    assert [(each.where, each.why) for each in found.tried] == [
        (A.id, "RuntimeError: this cell has no new")
    ]


def test_a_second_cell_is_asked_when_the_first_does_not_reach(
    scenario: Scenario, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "newest")
    found, _ = rescued(
        scenario,
        path,
        {
            A.id: Capable(has=OLD),
            B.id: Capable(has=NEW, zip=("old",), legacy=("old",)),
            C.id: Capable(has=NEW | {"newest"}, zip=("new",), legacy=("new",)),
        },
    )
    assert found.route is not None
    assert [step.cell for step in found.route.steps] == [C.id, B.id]
    assert found.able == (C.id,)


def test_a_way_that_loses_something_is_the_last_resort(scenario: Scenario, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "new")
    lossy = Capable(has=NEW, zip=("old",), legacy=("old",), sees={"v": "w"})
    target = Capable(has=OLD, sees={"w": "other"})
    found, _ = rescued(scenario, path, {A.id: target, B.id: lossy})
    assert found.route is not None
    (difference,) = found.route.differences
    assert (difference.before, difference.after) == ("w", "other")
    good = Capable(has=NEW, zip=("old",), legacy=("old",))
    found, _ = rescued(scenario, path, {A.id: target, B.id: lossy, C.id: good})
    assert found.route is not None
    assert (found.route.steps[0].cell, found.route.differences) == (C.id, ())


def test_no_way_is_said_with_all_that_was_tried(scenario: Scenario, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "new")
    stubborn = Capable(has=NEW, zip=("new",), legacy=("new",))
    found, _ = rescued(scenario, path, {A.id: Capable(has=OLD), B.id: stubborn, C.id: stubborn})
    assert found.route is None
    assert set(found.able) == {B.id, C.id}
    assert {len(each.steps) for each in found.tried} == {1, 2}
    assert {each.where for each in found.tried} == {A.id}
    nobody, _ = rescued(scenario, path, {A.id: Capable(has=OLD), D.id: Capable(has=OLD)})
    assert (nobody.route, nobody.able, nobody.tried) == (None, (), ())


def test_the_same_search_again_starts_no_job(scenario: Scenario, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "new")
    cells = {A.id: Capable(has=OLD), B.id: Capable(has=NEW, zip=("old",), legacy=("old",))}
    first, _ = rescued(scenario, path, cells)
    second, provider = rescued(scenario, path, cells)
    assert provider.jobs == []
    assert second == first


@pytest.mark.parametrize("moment", ["load", "save"])
def test_an_interrupt_ends_the_search(scenario: Scenario, tmp_path: Path, moment: str) -> None:
    path = write_checkpoint(tmp_path / "a.pt", "new")
    cells = {A.id: Capable(has=OLD), B.id: Capable(has=NEW, zip=("old",), legacy=("old",))}
    provider = capable_cells(cells)
    (given,) = open_given([path], memory_bytes=1_000_000)
    with Store(scenario.folder / "store") as store:
        setting = scenario.setting(provider, store)
        told = provider.run_job

        def run_job(environment: object, job: object, **rest: object) -> object:
            if job.manifest.phase == moment:  # type: ignore[attr-defined]
                setting.cancel.set()
            return told(environment, job, **rest)  # type: ignore[arg-type]

        provider.run_job = run_job  # type: ignore[method-assign, assignment]
        plan = plan_matrix("m", [A, B], ())
        found = drive_rescue(setting, plan, given, A.id, Prepared())
    assert found.stopped
    assert found.route is None
