"""What cases do wrong is reported as just that, and within bounds."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from ckptmatrix.words import Result, Stage
from torchless_jobs import LIMITS

if TYPE_CHECKING:
    from torchless_jobs import Survey


def test_an_exception_is_reported_within_bounds(survey: Survey) -> None:
    first, second = survey.attempts("raises"), survey.attempts("raises", "mapped")
    assert [(done.attempt, done.isolation) for done in first] == [(1, "alone")]
    assert [(done.attempt, done.isolation) for done in second] == [(1, "shared"), (2, "alone")]
    exception = first[0].exception
    assert exception is not None
    assert exception.type == "RuntimeError"
    assert exception.message.startswith("cannot: \\ud800xxx")
    assert len(exception.message) == 20_000
    assert exception.cause.startswith("json.decoder.JSONDecodeError: Expecting")
    assert "cases/torchless.py:" not in exception.traceback
    assert "torchless.py:" in exception.traceback


def test_a_crash_is_blamed_on_its_task_alone(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("aborts", mode)
        assert (done.result, done.stage, done.isolation) == (Result.DIED, Stage.LOAD, "alone")
        assert (done.signal, done.exit_code) == (signal.SIGABRT, None)
        assert "about to abort" in done.tail
        assert not done.oom


def test_a_hang_times_out_even_when_it_ignores_being_asked(survey: Survey) -> None:
    for done in (survey.only("hangs"), survey.only("hangs", "mapped"), survey.only("hangs_on")):
        assert (done.result, done.stage) == (Result.TIMEOUT, Stage.LOAD)
        assert 1.0 <= done.seconds < 3.0


def test_a_flood_is_stopped(survey: Survey) -> None:
    done = survey.only("floods")
    assert done.result is Result.OUTPUT_FLOOD
    assert LIMITS.output_bytes < done.output_bytes < 20 * LIMITS.output_bytes
    assert done.tail.endswith("x\n") or done.tail.endswith("x")


def test_memory_runs_out_cleanly_and_leaves_the_child_usable(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.attempts("hogs", mode)[0]
        assert (done.result, done.oom) == (Result.RAISED, True)
        assert done.exception is not None
        assert done.exception.type == "MemoryError"


def test_an_exit_is_an_exception_or_an_end(survey: Survey) -> None:
    asked, taken = survey.only("exits"), survey.only("exits_hard")
    assert asked.exception is not None
    assert (asked.result, asked.exception.type) == (Result.RAISED, "SystemExit")
    assert (taken.result, taken.exit_code, taken.signal) == (Result.DIED, 7, None)


def test_forged_events_are_text_or_an_end(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("forges", mode)
        assert done.result is Result.DIED
        assert "reported" in done.detail
        assert '"event":"bye"' in done.tail
        assert (done.signal, done.exit_code) == (None, None)


def test_a_child_that_hangs_up_is_ended(survey: Survey) -> None:
    done = survey.only("deaf")
    assert (done.result, done.signal) == (Result.DIED, None)
    assert "closed its result pipe" in done.detail


def test_warnings_are_bounded_and_each_there_once(survey: Survey) -> None:
    heard = survey.only("warns").warnings
    assert len(heard) == 100
    assert len({(warning.category, warning.message) for warning in heard}) == 100
    assert {warning.category for warning in heard} == {"FutureWarning", "DeprecationWarning"}


def test_what_is_missing_is_named_and_not_repeated(survey: Survey) -> None:
    for case, mode, said in (
        ("needs", "plain", "no_such_package.load is missing"),
        ("no_such_mode", "plain", "no plain"),
        ("no_such_mode", "mapped", "no mapped"),
        ("no_such_case", "plain", "no case 'no_such_case'"),
    ):
        done = survey.only(case, mode)
        assert (done.result, done.stage) == (Result.UNSUPPORTED, Stage.LOAD)
        assert said in done.detail
