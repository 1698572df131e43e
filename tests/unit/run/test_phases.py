from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.report.findings import find
from ckptmatrix.run.phases import has_device
from ckptmatrix.run.room import TO_BELIEVE, TO_START
from ckptmatrix.store.keys import digest
from ckptmatrix.wire import Facts
from ckptmatrix.words import Mode, Reason, Verdict
from fakes import Behaviour, FakeProvider, FakeSide, Steps, facts_of, good_cell
from scenario import a_case, a_cell, some_cells, when, with_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenario import Ran, Scenario

MODES = 2


def keys(ran: Ran) -> list[tuple[Any, ...]]:
    return [
        (o.producer, o.producer_device, o.consumer, o.device, o.case, o.mode)
        for o in ran.finished.record.outcomes
    ]


def test_every_load_of_the_plan_has_one_outcome(scenario: Scenario) -> None:
    ran = scenario.run(some_cells(3))
    assert keys(ran) == [
        (
            load.producer,
            load.producer_device,
            load.consumer,
            load.device,
            load.case,
            load.mode,
        )
        for load in ran.plan.loads()
    ]
    assert ran.words() == {("ok", None)}
    assert ran.jobs == Counter(probe=3, save=3, load=3)


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


def test_modes_run_in_rising_trust_beside_each_other(scenario: Scenario) -> None:
    ran = scenario.run(some_cells(1), [a_case("one", modes=tuple(Mode))])
    assert [mode for _, _, mode in ran.tasks("load")] == [mode.value for mode in Mode]


def test_what_a_producer_does_not_have_is_unsupported_and_known(scenario: Scenario) -> None:
    old, new = some_cells(2)

    def lacks(side: FakeSide, event: dict[str, Any]) -> dict[str, Any] | None:
        if side.cell == old and when(event, "done", side, "save") and event["task"] == "t1":
            lack = {"result": "unsupported", "stage": "save", "detail": "torch has no complex32"}
            return {**event, **lack, "observation": None, "checkpoint": None}
        return None

    provider = FakeProvider(program=with_events(lacks))
    ran = scenario.run([old, new], provider=provider)
    save = ran.save(old, "two")
    assert (save.verdict, save.reason, save.checkpoint) == ("unsupported", "feature_missing", None)
    assert ran.words(producer=old.id, case="two") == {("aborted", "producer_unsupported")}
    assert ran.words(producer=new.id) == ran.words(case="one") == {("ok", None)}
    assert scenario.run([old, new]).provider.jobs == []


def test_a_save_that_raises_aborts_its_loads_and_is_known(scenario: Scenario) -> None:
    cell, other = some_cells(2)
    raises = Behaviour(save_raises={"two": "TypeError: cannot pickle 'module' object"})
    ran = scenario.run([cell, other], provider=FakeProvider({cell.id: raises}))
    assert ran.save(cell, "two").verdict is Verdict.FAILED
    assert ran.words(producer=cell.id, case="two") == {("aborted", "save_failed")}
    assert "cannot pickle" in ran.judged(producer=cell.id, case="two")[0].message
    assert ran.words(producer=other.id) == {("ok", None)}
    assert scenario.run([cell, other]).provider.jobs == []


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_append, Reason.CHECKPOINT_CORRUPT),
        (lambda path: path.write_bytes(b""), Reason.CHECKPOINT_CORRUPT),
        (_link, Reason.CELL_MISBEHAVED),
        (_folder, Reason.CELL_MISBEHAVED),
        (lambda path: path.unlink(), Reason.CELL_MISBEHAVED),
    ],
    ids=["longer", "empty", "link", "folder", "absent"],
)
def test_a_checkpoint_that_is_not_what_its_cell_says(
    scenario: Scenario, damage: Callable[[Path], object], reason: Reason
) -> None:
    bad, good = some_cells(2)

    def damaged(side: FakeSide, event: dict[str, Any]) -> None:
        if side.cell == bad and when(event, "done", side, "save") and event["task"] == "t0":
            damage(side.output / side.manifest["tasks"][0]["path"])

    ran = scenario.run([bad, good], provider=FakeProvider(program=with_events(damaged)))
    save = ran.save(bad, "one")
    assert (save.verdict, save.reason) == (Verdict.ERROR, reason)
    assert ran.words(producer=bad.id, case="one") == {("aborted", "producer_error")}
    assert ran.words(case="two") == ran.words(producer=good.id) == {("ok", None)}
    mended = scenario.run([bad, good])
    assert [case for _, case, _ in mended.tasks("save")] == ["one"]
    assert mended.words() == {("ok", None)}


def test_outputs_that_come_only_when_the_job_ends_are_kept(scenario: Scenario) -> None:
    def late(side: FakeSide) -> Steps:
        hidden = side.scratch / "output"
        hidden.mkdir()
        code = yield from good_cell(replace(side, output=hidden))
        shutil.copytree(hidden, side.output, dirs_exist_ok=True)
        return code

    ran = scenario.run(some_cells(2), provider=FakeProvider(program=late))
    assert ran.words() == {("ok", None)}
    assert scenario.run(some_cells(2)).provider.jobs == []


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


def test_what_differs_is_changed_and_what_raises_is_failed(scenario: Scenario) -> None:
    cell, other = some_cells(2)
    leaf = {"path": "", "type": "str", "value": "something else"}
    provider = FakeProvider(
        {
            other.id: Behaviour(
                observes={"one": {"version": 1, "leaves": [leaf], "aliases": []}},
                raises={"two": "ModuleNotFoundError: No module named 'flash_attn'"},
            )
        }
    )
    ran = scenario.run([cell, other], provider=provider)
    assert ran.words(consumer=other.id, case="one") == {("changed", "values_differ")}
    assert ran.words(consumer=other.id, case="two") == {("failed", "missing_module")}
    assert ran.words(consumer=cell.id) == {("ok", None)}


def test_a_device_nobody_has(scenario: Scenario) -> None:
    ran = scenario.run(some_cells(2), devices=["cpu", "cuda:0"])
    assert ran.words(device="cuda:0") == {("unsupported", "feature_missing")}
    assert ran.words(producer_device="cuda:0", device="cpu") == {
        ("aborted", "producer_unsupported")
    }
    assert ran.words(producer_device="cpu", device="cpu") == {("ok", None)}
    assert {job.manifest.device for job in ran.provider.jobs} == {"cpu"}


def test_a_device_some_have(scenario: Scenario) -> None:
    plain, fast = a_cell(1), a_cell(2, cuda="12.4")
    provider = FakeProvider({fast.id: Behaviour(facts={"gpus": ["Card"]})})
    ran = scenario.run([plain, fast], devices=["cpu", "cuda:0"], provider=provider)
    assert ran.words(consumer=fast.id, producer=fast.id) == {("ok", None)}
    assert ran.words(consumer=plain.id, device="cpu", producer=fast.id) == {("ok", None)}
    assert ran.words(consumer=plain.id, device="cuda:0") == {("unsupported", "feature_missing")}
    assert ran.jobs == Counter(probe=2, save=3, load=3)


def _forget(scenario: Scenario, which: str) -> int:
    """Damage observations in the store; how many are left whole."""
    with closing(sqlite3.connect(scenario.folder / "store" / "results.sqlite")) as database:
        with database:
            database.execute(f"UPDATE observations SET body = x'00' WHERE {which}")  # noqa: S608
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


class Usage(NamedTuple):
    """What ``shutil.disk_usage`` gives."""

    total: int
    used: int
    free: int


def on_a_disk(monkeypatch: pytest.MonkeyPatch, free: Callable[[], int]) -> None:
    def usage(_: object) -> Usage:
        return Usage(10**12, 10**12 - free(), free())

    monkeypatch.setattr("ckptmatrix.run.room.shutil.disk_usage", usage)


@pytest.mark.parametrize("phase", ["save", "load"])
def test_what_fails_on_a_full_disk_is_an_error_and_done_again(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    cell = a_cell(1)
    free = [TO_START]

    def fills(side: FakeSide, event: dict[str, Any]) -> dict[str, Any] | None:
        if when(event, "hello", side, phase):
            free[0] = TO_BELIEVE - 1
        if when(event, "done", side, phase) and event["task"] == "t1":
            error = {"type": "RuntimeError", "message": "unexpected pos 64 vs 0"}
            lost = {"result": "raised", "stage": phase, "exception": error}
            return {**event, **lost, "observation": None, "checkpoint": None}
        return None

    on_a_disk(monkeypatch, lambda: free[0])
    ran = scenario.run([cell], provider=FakeProvider(program=with_events(fills)))
    concerned = [o.judgement for o in ran.finished.record.outcomes if o.judgement.reason]
    assert {(j.verdict, j.reason) for j in concerned} == {("error", "host_full")}
    free[0] = TO_START
    again = scenario.run([cell])
    assert again.words() == {("ok", None)}
    assert len(again.tasks(phase)) == 1


def test_no_job_is_started_on_a_full_disk(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_disk(monkeypatch, lambda: TO_START - 1)
    ran = scenario.run(some_cells(1))
    assert ran.provider.jobs == []
    (cell,) = ran.finished.record.cells
    assert (cell.verdict, cell.reason) == (Verdict.ERROR, Reason.HOST_FULL)
    for part in (str(ran.log.parent), "256.0 MB free", "256.0 MB are needed", "TMPDIR"):
        assert part in cell.message
    assert ran.words() == {("error", "host_full")}


def test_a_cell_that_finds_its_disk_full_is_believed_that(scenario: Scenario) -> None:
    full = "OSError: [Errno 28] No space left on device"
    provider = FakeProvider({a_cell(1).id: Behaviour(save_raises={"one": full})})
    ran = scenario.run(some_cells(1), provider=provider)
    save = ran.save(a_cell(1), "one")
    assert (save.verdict, save.reason) == (Verdict.ERROR, Reason.HOST_FULL)
    assert ran.words(case="one") == {("error", "host_full")}
    assert scenario.run(some_cells(1)).words() == {("ok", None)}


def test_a_save_that_succeeds_when_it_is_repeated_is_flaky(scenario: Scenario) -> None:
    def flaky(side: FakeSide) -> Steps:
        for step in good_cell(side):
            event = json.loads(step) if isinstance(step, bytes) else {"event": ""}
            if when(event, "done", side, "save") and event["task"] == "t0":
                error = {"type": "OSError", "message": "once"}
                failed = {"result": "raised", "exception": error, "final": False}
                gone = {"checkpoint": None, "observation": None}
                yield json.dumps({**event, **failed, **gone}).encode()
                yield json.dumps({**event, "attempt": 2}).encode()
            else:
                yield step
        return 0

    ran = scenario.run(some_cells(1), provider=FakeProvider(program=flaky))
    one, two = ran.save(a_cell(1), "one"), ran.save(a_cell(1), "two")
    assert (one.verdict, one.attempts, one.flaky) == ("ok", 2, True)
    assert (two.verdict, two.attempts, two.flaky) == ("ok", 1, False)
    assert [finding.sentence for finding in find(ran.finished.record)] == [
        f"was saved only when it was tried again: one — by {a_cell(1).id}"
    ]


@given(gpus=st.integers(0, 8), index=st.integers(0, 9))
def test_a_cell_has_the_devices_it_counts(gpus: int, index: int) -> None:
    facts = Facts(**{**facts_of(a_cell(1)), "gpus": ("card",) * gpus})
    assert has_device(facts, "cpu")
    assert has_device(facts, f"cuda:{index}") is (index < gpus)
    assert has_device(facts, "cuda") is (gpus > 0)
