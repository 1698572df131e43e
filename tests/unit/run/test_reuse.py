from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.store.keys import digest
from fakes import Behaviour, FakeProvider, FakeSide, Steps, good_cell
from scenario import a_case, a_cell, some_cells

if TYPE_CHECKING:
    from scenario import Scenario

MODES = 2


def test_a_second_run_starts_no_job_and_answers_the_same(scenario: Scenario) -> None:
    cells = some_cells(3)
    provider = FakeProvider({cells[1].id: Behaviour(raises={"two": "RuntimeError: no"})})
    first = scenario.run(cells, provider=provider)
    second = scenario.run(cells)
    counts = second.finished.record.counts
    assert second.provider.jobs == []
    assert (counts.jobs, counts.saves, counts.loads) == (0, 0, 0)
    assert (counts.reused_saves, counts.reused_loads) == (3 * 2, 9 * 2 * MODES)
    again = [replace(outcome, cached=False) for outcome in second.finished.record.outcomes]
    assert again == list(first.finished.record.outcomes)
    assert all(save.cached for save in second.finished.record.saves)


def test_fresh_ignores_what_is_known(scenario: Scenario) -> None:
    cells = some_cells(2)
    scenario.run(cells)
    ran = scenario.run(cells, fresh=True)
    assert ran.jobs == Counter(probe=2, save=2, load=2)
    assert ran.finished.record.counts.reused_loads == 0
    assert scenario.run(cells).provider.jobs == []


@pytest.mark.parametrize("known", [1, 3])
def test_one_more_cell_runs_only_its_own_pairs(scenario: Scenario, known: int) -> None:
    scenario.run(some_cells(known))
    ran = scenario.run(some_cells(known + 1))
    counts = ran.finished.record.counts
    assert counts.saves == 2
    assert counts.loads == (2 * known + 1) * 2 * MODES
    new = ran.plan.cells[-1].cell.id
    done = [o for o in ran.finished.record.outcomes if not o.cached]
    assert len({(o.producer, o.consumer) for o in done}) == 2 * known + 1
    assert all(new in {o.producer, o.consumer} for o in done)
    assert ran.jobs == Counter(probe=1, save=1, load=known + 1)


def test_a_changed_case_runs_alone(scenario: Scenario) -> None:
    cells = some_cells(2)
    scenario.run(cells, [a_case("one"), a_case("two")])
    ran = scenario.run(cells, [a_case("one"), a_case("two", version=2)])
    assert {case for _, case, _ in ran.tasks("save") + ran.tasks("load")} == {"two"}
    assert ran.finished.record.counts.saves == 2
    assert ran.finished.record.counts.loads == 4 * MODES


def test_another_timeout_or_observer_is_measured_anew(scenario: Scenario) -> None:
    cells = some_cells(1)
    scenario.run(cells)
    assert scenario.run(cells, timeout_s=6.0).finished.record.counts.loads == 2 * MODES
    assert scenario.run(cells, observer="1" * 64).finished.record.counts.loads == 2 * MODES


def test_the_same_load_of_the_same_bytes_is_run_once(scenario: Scenario) -> None:
    def same(side: FakeSide) -> Steps:
        """Every producer writes the same bytes."""
        own = replace(side.cell, id="any") if side.manifest["phase"] == "save" else side.cell
        return good_cell(replace(side, cell=own))

    cells = some_cells(3)
    ran = scenario.run(cells, [a_case("one")], provider=FakeProvider(program=same))
    # good_cell tells facts by the cell: only its id, which facts do not hold, was replaced.
    assert len(ran.tasks("load")) == 3 * MODES
    assert len(ran.finished.record.outcomes) == 9 * MODES
    assert ran.words() == {("ok", None)}
    assert ran.finished.record.counts.loads == 9 * MODES


def test_a_checkpoint_that_went_missing_is_saved_anew(scenario: Scenario) -> None:
    cells = some_cells(2)
    first = scenario.run(cells)
    lost = first.save(cells[0], "two").checkpoint
    assert lost is not None
    shutil.rmtree(scenario.folder / "store" / "checkpoints" / lost[:2] / lost)
    second = scenario.run([*cells, a_cell(3)])
    assert (f"{cells[0].id}-cpu-save", "two", "None") in second.tasks("save")
    assert len(second.tasks("save")) == 1 + 2
    assert second.words() == {("ok", None)}
    assert second.finished.record.counts.loads == (2 * 2 + 1) * 2 * MODES


def test_a_damaged_checkpoint_is_an_error_once_and_saved_anew_next_time(
    scenario: Scenario,
) -> None:
    cells = some_cells(1)
    first = scenario.run(cells)
    sha256 = first.save(cells[0], "two").checkpoint
    assert sha256 is not None
    place = scenario.folder / "store" / "checkpoints" / sha256[:2] / sha256 / "checkpoint.pt"
    place.chmod(0o644)
    place.write_bytes(b"damaged")
    second = scenario.run([*cells, a_cell(2)])
    assert second.words(producer=cells[0].id, consumer=a_cell(2).id, case="two") == {
        ("error", "checkpoint_corrupt")
    }
    third = scenario.run([*cells, a_cell(2)])
    assert third.tasks("save") == [(f"{cells[0].id}-cpu-save", "two", "None")]
    assert third.finished.record.counts.loads == MODES
    assert third.words() == {("ok", None)}
    assert hashlib.sha256(place.read_bytes()).hexdigest() == sha256


def _forget(scenario: Scenario, which: str) -> int:
    """Damage observations in the store; how many are left whole."""
    with closing(sqlite3.connect(scenario.folder / "store" / "results.sqlite")) as database:
        with database:
            database.execute(f"UPDATE observations SET body = x'00' WHERE {which}")  # noqa: S608 - of this file
        (whole,) = database.execute("SELECT count(*) FROM observations WHERE body != x'00'")
    return int(whole[0])


def test_what_cannot_be_judged_any_more_is_done_again(scenario: Scenario) -> None:
    cells = some_cells(2)
    first = scenario.run(cells)
    assert _forget(scenario, "rowid = (SELECT min(rowid) FROM observations)") == 2 * 2 - 1
    second = scenario.run(cells)
    counts = second.finished.record.counts
    assert (counts.saves, counts.loads) == (1, 0)
    assert second.words() == first.words() == {("ok", None)}
    assert scenario.run(cells).provider.jobs == []


def test_a_load_that_saw_what_cannot_be_read_any_more_is_done_again(scenario: Scenario) -> None:
    cell, other = some_cells(2)
    leaf = {"path": "", "type": "str", "value": "something else"}
    seen = {"version": 1, "leaves": [leaf], "aliases": []}
    changes = Behaviour(observes={"one": seen})
    provider = FakeProvider({other.id: changes})
    first = scenario.run([cell, other], provider=provider)
    assert _forget(scenario, f"sha256 = '{digest(seen)}'") == 2 * 2
    second = scenario.run([cell, other], provider=FakeProvider({other.id: changes}))
    assert (second.finished.record.counts.saves, second.finished.record.counts.loads) == (0, 4)
    assert second.words() == first.words() == {("ok", None), ("changed", "values_differ")}
