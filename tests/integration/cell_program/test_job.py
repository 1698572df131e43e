"""How a job in every Python of this machine goes from its hello to its goodbye."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cell_jobs import interpreters
from ckptmatrix.wire import Done, Started
from torchless_jobs import LOADED, SAVED

if TYPE_CHECKING:
    import pytest

    from torchless_jobs import Survey


def test_every_python_of_this_machine_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(
            f"\n  the cell program is executed by Python {', '.join(interpreters())}\n"
        )
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in interpreters()


def test_a_job_says_hello_does_every_task_and_says_goodbye(survey: Survey) -> None:
    for job, count in (
        (survey.saves, len(SAVED)),
        (survey.loads, sum(len(modes) for modes in LOADED.values())),
    ):
        assert job.code == 0, job.stderr
        assert [event.event for event in job.events].count("hello") == 1
        assert job.events[-1].model_dump() == {"event": "bye", "tasks": count}
        assert len({task for task, _ in job.dones}) == count


def test_started_and_done_alternate(survey: Survey) -> None:
    steps = [
        (type(event), event.task, event.attempt)
        for event in survey.loads.events
        if isinstance(event, (Started, Done))
    ]
    assert [step[0] for step in steps] == [Started, Done] * (len(steps) // 2)
    assert [step[1:] for step in steps[::2]] == [step[1:] for step in steps[1::2]]


def test_facts_are_those_of_the_interpreter(survey: Survey) -> None:
    facts = survey.saves.facts
    assert facts.python.startswith(survey.version + ".")
    assert facts.cpu_count >= 1
    assert facts.isolation == "fork"
    assert facts.torch is None
    assert "torch" in facts.torch_error
    assert facts.libc.startswith("glibc ")
    assert {package.name.lower() for package in facts.packages} >= {"pip"}


def test_the_last_attempt_at_every_task_says_so(survey: Survey) -> None:
    for job in (survey.saves, survey.loads):
        last = {task: max(n for other, n in job.dones if other == task) for task, _ in job.dones}
        assert {key: done.final for key, done in job.dones.items()} == {
            (task, attempt): attempt == last[task] for task, attempt in job.dones
        }
    assert not all(done.final for done in survey.loads.dones.values())


def test_no_core_file_is_left(survey: Survey) -> None:
    assert not [path for path in survey.cell.root.rglob("core*") if path.is_file()]
