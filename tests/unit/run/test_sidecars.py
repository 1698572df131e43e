from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ckptmatrix.sidecar import SUFFIX, Sidecar
from fakes import FakeProvider
from scenario import Scenario, a_case, some_cells, with_events

if TYPE_CHECKING:
    from pathlib import Path

    from fakes import FakeSide

A, B = some_cells(2)


def sidecars(scenario: Scenario) -> dict[Path, Sidecar]:
    found = sorted((scenario.folder / "store" / "checkpoints").rglob(f"*{SUFFIX}"))
    return {path: Sidecar.model_validate_json(path.read_bytes()) for path in found}


def test_every_checkpoint_of_a_run_has_one(scenario: Scenario) -> None:
    ran = scenario.run([A, B])
    found = sidecars(scenario)
    saves = ran.finished.record.saves
    assert len(saves) == 4
    assert {(each.sha256, each.cell, each.case) for each in found.values()} == {
        (save.checkpoint, save.producer, save.case) for save in saves
    }
    for path, each in found.items():
        assert path.with_name(path.name.removesuffix(SUFFIX)).is_file()
        assert path.parent.name == each.sha256
        assert each.environment.torch == {A.id: A.torch, B.id: B.torch}[each.cell]
        assert each.written is None


def test_those_that_are_there_stay_as_they_are(scenario: Scenario) -> None:
    scenario.run([A])
    before = {path: path.stat().st_mtime_ns for path in sidecars(scenario)}
    scenario.run([A, B])
    after = {path: path.stat().st_mtime_ns for path in sidecars(scenario)}
    assert after.items() >= before.items()
    assert len(after) == 4


def test_of_equal_checkpoints_the_first_producer_of_the_plan_counts(scenario: Scenario) -> None:
    def alike(side: FakeSide, event: dict[str, Any]) -> None:
        """Both save the same bytes."""
        if event["event"] != "done" or side.manifest["phase"] != "save":
            return
        task = next(each for each in side.manifest["tasks"] if each["id"] == event["task"])
        body = b"the same"
        (side.output / task["path"]).write_bytes(body)
        facts = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        event["checkpoint"] = facts | {"files": [facts | {"path": "."}]}

    scenario.run([A, B], [a_case("one")], provider=FakeProvider(program=with_events(alike)))
    (only,) = sidecars(scenario).values()
    assert only.cell == A.id
