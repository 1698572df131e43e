from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.report.findings import find
from ckptmatrix.run.phases import has_device
from ckptmatrix.wire import Facts
from ckptmatrix.words import Mode, Reason, Verdict
from fakes import Behaviour, FakeProvider, FakeSide, Steps, facts_of, good_cell
from scenario import a_case, a_cell, some_cells, when, with_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenario import Ran, Scenario


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
