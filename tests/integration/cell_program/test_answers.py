"""What a save and a load tell of a checkpoint: its digest, what it shows, how it behaves."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.words import Mode, Result, Stage

if TYPE_CHECKING:
    from torchless_jobs import Survey


def test_a_save_is_hashed_and_observed(survey: Survey) -> None:
    done = survey.saved("good")
    content = (survey.cell.output / "good" / "saved").read_bytes()
    assert (done.result, done.stage, done.isolation) == (Result.RETURNED, Stage.OBSERVE, "alone")
    assert done.checkpoint is not None
    assert done.checkpoint.sha256 == hashlib.sha256(content).hexdigest()
    assert [file.path for file in done.checkpoint.files] == ["."]
    assert done.checkpoint.bytes == len(content)
    assert done.observation is not None
    leaves = survey.saves.observations[done.observation].value["leaves"]
    assert leaves[0]["class"] == "ckptcell_user_torchless.Thing"
    assert done.peak_rss_bytes > 1_000_000
    assert (done.signal, done.exit_code, done.oom) == (None, None, False)


def test_a_saved_folder_is_the_digest_of_its_lines(survey: Survey) -> None:
    checkpoint = survey.saved("folder").checkpoint
    assert checkpoint is not None
    assert [file.path for file in checkpoint.files] == ["a", "b", "deep/c"]
    lines = "".join(
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a", "b", "deep/c")
    )
    assert checkpoint.sha256 == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize(
    ("case", "result", "said"),
    [
        ("never_saved", Result.RAISED, "No such file"),
        ("too_large_a_file", Result.RAISED, "File too large"),
        ("cannot_save", Result.UNSUPPORTED, "this environment has no such thing"),
        ("needs", Result.UNSUPPORTED, "json.no_such_function"),
    ],
)
def test_a_save_that_cannot_be(survey: Survey, case: str, result: Result, said: str) -> None:
    done = survey.saved(case)
    assert (done.result, done.stage, done.checkpoint) == (result, Stage.SAVE, None)
    assert said in (done.exception.message if done.exception else done.detail)


def test_forward_and_resume_follow_where_a_case_has_them(survey: Survey) -> None:
    done = survey.only("trained")
    assert (done.result, done.stage) == (Result.RETURNED, Stage.RESUME)
    assert done.observation == survey.saved("trained").observation
    assert done.observation is not None
    value = survey.loads.observations[done.observation].value
    assert [leaf.get("value") for leaf in value["forward"]["leaves"][1:]] == [3.0, 5.0]
    assert value["resume"] == {"losses": [1.0, 0.5, "nan"]}


def test_what_does_not_show_may_behave_otherwise_in_every_mode(survey: Survey) -> None:
    assert survey.only("hides_its_state").result is Result.RETURNED
    for done in survey.attempts("hides_its_state", "trusted"):
        assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)
        assert done.behaviour_of is None


def test_behaviour_is_run_once_where_a_case_says_that_the_state_is_all(survey: Survey) -> None:
    plain, trusted = (survey.only("shows_its_state", mode) for mode in ("plain", "trusted"))
    assert (plain.behaviour_of, trusted.behaviour_of) == (None, Mode.PLAIN)
    assert (trusted.result, trusted.stage) == (Result.RETURNED, Stage.FORWARD)
    assert trusted.observation == plain.observation
    for done in survey.attempts("shows_its_state", "mmap"):
        assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)


def test_an_observation_that_cannot_be_sent_is_an_error_of_observing(survey: Survey) -> None:
    for case, kind in (
        ("reports_too_much", "ckptcell.errors.ResultTooLarge"),
        ("reports_nonsense", "ValueError"),
    ):
        done = survey.attempts(case)[0]
        assert (done.result, done.stage, done.observation) == (Result.RAISED, Stage.OBSERVE, None)
        assert done.exception is not None
        assert done.exception.type == kind


def test_what_was_observed_before_a_failure_is_kept(survey: Survey) -> None:
    done = survey.only("forward_fails")
    assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)
    assert done.observation == survey.saved("good").observation
