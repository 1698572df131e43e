from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.providers.base import Cancelled, Ending, JobEnd
from ckptmatrix.run import jobs
from ckptmatrix.run.jobs import probe, run_tasks
from ckptmatrix.store import Store
from ckptmatrix.wire import Done, Facts, Task
from ckptmatrix.words import Phase, Reason
from fakes import Behaviour, FakeProvider, FakeSide, Steps, good_cell
from scenario import Scenario, a_cell, some_cells, when, with_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ckptmatrix.errors import CellError
    from ckptmatrix.providers.base import Environment, Job
    from ckptmatrix.run.setting import Setting

CELL = a_cell(1)


@dataclass(kw_only=True)
class Bench:
    """A cell that is asked to save."""

    setting: Setting
    environment: Environment
    answers: dict[str, tuple[Done, ...]] = field(default_factory=dict)

    def save(
        self, *cases: str, expected: Facts | None = None, timeout_s: float = 0.01
    ) -> tuple[dict[str, CellError], int]:
        facts = expected or probe(self.setting, self.environment, "c")
        return run_tasks(
            self.setting,
            self.environment,
            name="c-save",
            phase=Phase.SAVE,
            device="cpu",
            tasks=[
                Task(id=case, case=case, path=f"{case}/x", timeout_s=timeout_s) for case in cases
            ],
            inputs={},
            expected=facts,
            on_final=lambda task, attempts, _output: self.answers.update({task.id: attempts}),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[FakeProvider], Bench]]:
    with Store(tmp_path / "store") as store:

        def make(provider: FakeProvider) -> Bench:
            setting = Scenario(folder=tmp_path).setting(provider, store)
            made = provider.prepare(CELL, cancel=threading.Event(), progress=lambda _: None)
            return Bench(setting=setting, environment=made)

        yield make


def test_each_task_has_an_answer_after_one_job(bench: Callable[..., Bench]) -> None:
    cell = bench(FakeProvider())
    assert cell.save("a", "b", "c") == ({}, 1)
    assert list(cell.answers) == ["a", "b", "c"]


def test_nothing_to_do_starts_nothing(bench: Callable[..., Bench]) -> None:
    cell = bench(FakeProvider())
    assert cell.save() == ({}, 0)


def test_a_task_that_kills_the_program_is_left_out_and_the_rest_goes_on(
    bench: Callable[..., Bench],
) -> None:
    cell = bench(FakeProvider({CELL.id: Behaviour(dies_at="b")}))
    lost, started = cell.save("a", "b", "c", "d")
    assert list(lost) == ["b"]
    assert (lost["b"].reason, started) == (Reason.CELL_LOST, 3)
    assert "exit code -11 before it was done: Segmentation fault" in lost["b"].message
    assert list(cell.answers) == ["a", "c", "d"]


def test_a_program_lost_once_costs_nothing(bench: Callable[..., Bench]) -> None:
    died: list[str] = []

    def once(side: FakeSide) -> Steps:
        steps = good_cell(side)
        for step in steps:
            yield step
            if isinstance(step, bytes) and b'"started"' in step and b'"b"' in step and not died:
                died.append("b")
                return -9
        return 0

    provider = FakeProvider(program=once)
    cell = bench(provider)
    assert cell.save("a", "b", "c") == ({}, 2)
    assert list(cell.answers) == ["a", "b", "c"]
    assert [task.id for task in provider.jobs[-1].manifest.tasks] == ["b", "c"]
    assert provider.jobs[-1].id == "c-save-2"


def _dead_on_arrival(side: FakeSide) -> Steps:
    if side.manifest["tasks"]:
        side.complain("cannot allocate memory")
        yield 0.0
        return 1
    return (yield from good_cell(side))


def _says_garbage(side: FakeSide, event: dict[str, Any]) -> Any:
    return "hello there" if when(event, "started", side, "save") else None


def _leaves_early(side: FakeSide) -> Steps:
    for step in good_cell(side):
        if isinstance(step, float) or b'"hello"' in step or b'"bye"' in step:
            yield step
    return 0


@pytest.mark.parametrize(
    ("program", "reason", "words"),
    [
        (_dead_on_arrival, Reason.CELL_LOST, "exit code 1 before it was done: cannot allocate"),
        (with_events(_says_garbage), Reason.CELL_MISBEHAVED, "broke the protocol"),
        (_leaves_early, Reason.CELL_LOST, "exit code 0 before it was done"),
    ],
)
def test_a_cell_lost_with_no_task_to_blame_is_given_up_not_tried_for_each_task(
    bench: Callable[..., Bench], program: Callable[[FakeSide], Steps], reason: Reason, words: str
) -> None:
    cell = bench(FakeProvider(program=program))
    tasks = [f"t{number}" for number in range(50)]
    lost, started = cell.save(*tasks)
    assert (list(lost), started) == (tasks, 2)
    assert {error.reason for error in lost.values()} == {reason}
    assert words in lost["t0"].message
    assert cell.answers == {}


def test_a_hang_beyond_the_deadline_is_a_lost_cell(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "START_S", 0.1)
    provider = FakeProvider({CELL.id: Behaviour(hangs_at="a")})
    cell = bench(provider)
    object.__setattr__(
        cell.setting, "limits", cell.setting.limits.model_copy(update={"grace_s": 0.01})
    )
    lost, _ = cell.save("a", "b")
    assert list(lost) == ["a"]
    assert "still running at its deadline" in lost["a"].message
    assert list(cell.answers) == ["b"]


def test_the_deadline_leaves_room_for_every_attempt(bench: Callable[..., Bench]) -> None:
    provider = FakeProvider()
    cell = bench(provider)
    cell.save("a", "b", timeout_s=7.0)
    grace = cell.setting.limits.grace_s
    assert provider.jobs[-1].deadline_s == jobs.START_S + 2 * 2 * (7.0 + grace)


def test_a_flood_is_a_lost_cell(bench: Callable[..., Bench]) -> None:
    loud = with_events(
        lambda side, event: (
            {**event, "tail": "x" * 9_000} if when(event, "done", side, "save") else None
        )
    )
    lost, _ = bench(FakeProvider(program=loud, longest_line=5_000)).save("a")
    assert "a line longer than the protocol allows" in lost["a"].message


class Starved(FakeProvider):
    """Its jobs end because memory ran out."""

    def run_job(
        self,
        environment: Environment,
        job: Job,
        *,
        on_line: Callable[[bytes], None],
        cancel: threading.Event,
    ) -> JobEnd:
        super().run_job(environment, job, on_line=on_line, cancel=cancel)
        return JobEnd(ending=Ending.EXITED, exit_code=137, oom_killed=bool(job.manifest.tasks))


def test_memory_that_ran_out_is_said(bench: Callable[..., Bench]) -> None:
    lost, _ = bench(Starved({CELL.id: Behaviour(dies_at="a")})).save("a")
    assert "was killed because memory ran out" in lost["a"].message


def test_an_environment_that_is_gone_is_not_tried_again(bench: Callable[..., Bench]) -> None:
    provider = FakeProvider()
    cell = bench(provider)
    facts = probe(cell.setting, cell.environment, "c")
    provider.remove(cell.environment)
    lost, started = cell.save("a", "b", expected=facts)
    assert (list(lost), started) == (["a", "b"], 1)
    assert "is gone" in lost["a"].message


@pytest.mark.parametrize(
    ("change", "words"),
    [({"torch": "2.9.9"}, "(torch)"), ({"gpus": ("Card",)}, "(gpus)"), ({"libc": "x"}, "(libc)")],
)
def test_nothing_another_environment_says_is_kept(
    bench: Callable[..., Bench], change: Mapping[str, Any], words: str
) -> None:
    cell = bench(FakeProvider())
    before = probe(cell.setting, cell.environment, "c").model_copy(update=change)
    lost, started = cell.save("a", "b", expected=before)
    assert (list(lost), started) == (["a", "b"], 1)
    assert lost["a"].reason is Reason.ENVIRONMENT_MISMATCH
    assert words in lost["a"].message
    assert cell.answers == {}


def test_the_same_environment_on_a_busier_machine_is_the_same(
    bench: Callable[..., Bench],
) -> None:
    cell = bench(FakeProvider())
    before = probe(cell.setting, cell.environment, "c").model_copy(update={"cpu_count": 96})
    assert cell.save("a", expected=before) == ({}, 1)


def test_a_cancelled_run_starts_nothing_and_blames_nothing(bench: Callable[..., Bench]) -> None:
    cell = bench(FakeProvider())
    facts = probe(cell.setting, cell.environment, "c")
    cell.setting.cancel.set()
    assert cell.save("a", expected=facts) == ({}, 0)
    with pytest.raises(Cancelled):
        probe(cell.setting, cell.environment, "again")


def test_a_job_is_cancelled_in_the_middle_and_blames_nothing(
    bench: Callable[..., Bench],
) -> None:
    cell: Bench

    def stopped(side: FakeSide, event: dict[str, Any]) -> None:
        if when(event, "started", side, "save") and event["task"] == "b":
            cell.setting.cancel.set()

    cell = bench(FakeProvider(program=with_events(stopped)))
    assert cell.save("a", "b", "c") == ({}, 1)
    assert list(cell.answers) == ["a"]


def test_a_log_has_the_events_and_the_end_but_no_observations(
    bench: Callable[..., Bench],
) -> None:
    cell = bench(FakeProvider({CELL.id: Behaviour(dies_at="b")}))
    cell.save("a", "b")
    lines = (cell.setting.log / "c-save.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event.get("event") for event in events] == [
        "hello", "started", "done", "started", None,
    ]  # fmt: skip
    assert events[-1] == {"ending": "exited", "exit_code": -11}
    assert sorted(path.name for path in cell.setting.log.iterdir()) == [
        "c-probe.jsonl",
        "c-save-2.jsonl",
        "c-save.jsonl",
    ]
    assert list(cell.setting.scratch.iterdir()) == []


def test_a_users_case_file_is_given_to_every_job(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    provider = FakeProvider()
    cell = bench(provider)
    mine = tmp_path / "mine.py"
    mine.write_text("")
    object.__setattr__(cell.setting, "case_files", {"ckptcell_user_mine_1": mine})
    cell.save("a")
    job = provider.jobs[-1]
    assert job.inputs == {"cases/ckptcell_user_mine_1.py": mine}
    assert [each.module for each in job.manifest.user_cases] == ["ckptcell_user_mine_1"]


# The whole run


def test_a_task_that_keeps_killing_its_cell_is_an_error_of_that_task_alone(
    scenario: Scenario,
) -> None:
    frail, sound = some_cells(2)
    provider = FakeProvider({frail.id: Behaviour(dies_at="two")})
    ran = scenario.run([frail, sound], provider=provider)
    assert ran.save(frail, "two").reason is Reason.CELL_LOST
    assert ran.words(consumer=frail.id, producer=sound.id, case="two") == {("error", "cell_lost")}
    assert ran.words(producer=frail.id, case="two") == {("aborted", "producer_error")}
    assert (
        ran.words(case="one") == ran.words(consumer=sound.id, producer=sound.id) == {("ok", None)}
    )
    assert "trying again with" in ran.said
    again = scenario.run([frail, sound])
    assert again.words() == {("ok", None)}, "errors of infrastructure are never kept"
    assert Counter(case for _, case, _ in again.tasks("save")) == {"two": 1}


def test_a_cell_whose_environment_changes_while_the_run_goes_on_keeps_nothing(
    scenario: Scenario,
) -> None:
    cell, other = some_cells(2)

    def upgraded(side: FakeSide, event: dict[str, Any]) -> dict[str, Any] | None:
        if side.cell == other and when(event, "hello", side, "load"):
            return {**event, "facts": {**event["facts"], "torch": "2.2.1"}}
        return None

    ran = scenario.run([cell, other], provider=FakeProvider(program=with_events(upgraded)))
    assert ran.words(consumer=other.id) == {("error", "environment_mismatch")}
    assert ran.words(consumer=cell.id) == {("ok", None)}
    again = scenario.run([cell, other])
    assert {job for job, _, _ in again.tasks("load")} == {f"{other.id}-cpu-load"}
    assert again.words() == {("ok", None)}
