"""Every task finds the same conditions, whatever ran before it and beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cell_jobs import is_running
from ckptmatrix.words import Result
from torchless_jobs import LOADED

if TYPE_CHECKING:
    from torchless_jobs import Survey


def test_modes_of_one_checkpoint_share_a_child(survey: Survey) -> None:
    assert [survey.only("good", mode).isolation for mode in LOADED["good"]] == [
        "alone",
        "shared",
        "shared",
    ]
    assert {survey.only("good", mode).observation for mode in LOADED["good"]} == {
        survey.saved("good").observation
    }


def test_what_is_printed_is_counted_for_its_own_task(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.attempts("prints", mode)[0]
        assert done.output_bytes == len(mode) + 1 + 20_000 + len("end of ") + len(mode) + 1
        assert done.tail.endswith(f"end of {mode}\n")
        assert len(done.tail) == 8192


def test_a_process_left_behind_holds_nothing_up_and_is_killed(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("leaves_a_process", mode)
        assert (done.result, done.isolation) == (Result.RETURNED, "alone")
        left = int((survey.cell.scratch / f"left-{mode}").read_text(encoding="utf-8"))
        assert not is_running(left)


@pytest.mark.parametrize("case", ["leaves_a_thread", "poisons", "warns"])
def test_what_a_task_leaves_in_its_process_does_not_reach_the_next(
    survey: Survey, case: str
) -> None:
    done = survey.only(case, "mapped")
    assert (done.isolation, done.observation) == ("alone", survey.saved("good").observation)


def test_a_checkpoint_that_was_written_to_is_not_loaded_again(survey: Survey) -> None:
    first, second = survey.only("rewrites"), survey.only("rewrites", "mapped")
    assert first.result is Result.RETURNED
    assert (second.result, second.isolation) == (Result.INPUT_MISMATCH, "alone")
    assert second.observation is None


def test_tasks_run_under_the_same_conditions_everywhere(survey: Survey) -> None:
    done = survey.attempts("sees_conditions")[0]
    assert done.observation is not None
    leaves = survey.loads.observations[done.observation].value["leaves"]
    seen = {leaf["path"]: leaf.get("value") for leaf in leaves}
    assert seen["['OMP_NUM_THREADS']"] == "1"
    assert seen["['PYTHONHASHSEED']"] == "0"
    assert seen["['TORCH_HOME']"] is None
    assert seen["['PYTHONPATH']"] is None
    assert seen["['USER']"]
    assert seen["['stdin']"] == ""
    assert seen["['folder']"] == str(survey.cell.scratch)
