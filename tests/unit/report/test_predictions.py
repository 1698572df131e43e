"""What predictions were worth: the numbers, their properties, and what is shown of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.report.html import render_html
from ckptmatrix.report.markdown import render_markdown
from ckptmatrix.report.predictions import Answer, score, score_run, sentences, to_json
from ckptmatrix.words import Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

    Said = Callable[..., Outcome]
    Ran = Callable[..., RunRecord]

CORRUPT, GLOBAL, FORWARD = Reason.FILE_CORRUPT, Reason.MISSING_GLOBAL, Reason.FORWARD_ERROR
REASONS = st.sampled_from([None, CORRUPT, GLOBAL, FORWARD])
ANSWERS = st.lists(st.builds(Answer, REASONS, REASONS))


@pytest.fixture
def said(make_outcome: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Makes a load with its prediction; a failure while loading when something happened."""

    def make(predicted: Reason | None, happened: Reason | None = None, **fields: Any) -> Outcome:
        if happened is not None:
            fields = {"verdict": Verdict.FAILED, "reason": happened, "stage": Stage.LOAD} | fields
        return make_outcome(prediction=Prediction(reason=predicted, why="it says so"), **fields)

    return make


@pytest.fixture
def ran(run: RunRecord) -> Callable[..., RunRecord]:
    """Makes a run of these loads; the rules know the releases of all its cells."""

    def make(*outcomes: Outcome, torches: tuple[str, ...] = ("1.7.1", "1.12.1", "2.6.0")) -> Any:
        cells = [
            replace(cell, facts=cell.facts.model_copy(update={"torch": torch}))
            for cell, torch in zip(run.cells, torches, strict=True)
            if cell.facts is not None
        ]
        return replace(run, outcomes=outcomes, cells=tuple(cells))

    return make


def test_precision_and_recall_are_of_each_reason_and_then_averaged() -> None:
    answers = [
        *[Answer(CORRUPT, CORRUPT)] * 3,
        Answer(CORRUPT, None),
        Answer(GLOBAL, GLOBAL),
        Answer(None, GLOBAL),
        Answer(None, FORWARD),
        *[Answer(None, None)] * 3,
    ]
    result = score(answers)
    assert {each.reason: (each.precision, each.recall) for each in result.reasons} == {
        CORRUPT: (0.75, 1.0),
        GLOBAL: (1.0, 0.5),
        FORWARD: (None, 0.0),
    }
    assert result.precision == pytest.approx((0.75 + 1.0) / 2)
    assert result.recall == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert (result.loads, result.right, result.loaded) == (10, 7, 4)


def test_another_reason_is_wrong_for_both_and_right_about_failing() -> None:
    result = score([Answer(CORRUPT, GLOBAL)])
    assert (result.precision, result.recall, result.right) == (0.0, 0.0, 1)


@given(ANSWERS)
def test_numbers_are_shares(answers: list[Answer]) -> None:
    result = score(answers)
    assert result.loads == len(answers) >= max(result.right, result.loaded)
    for number in (result.precision, result.recall):
        assert number is None or 0 <= number <= 1
    assert sum(each.happened for each in result.reasons) == result.loads - result.loaded


@given(ANSWERS)
def test_what_knows_everything_is_perfect(answers: list[Answer]) -> None:
    result = score([Answer(each.happened, each.happened) for each in answers])
    assert result.precision in {None, 1.0}
    assert result.precision == result.recall
    assert result.right == result.loads


@given(ANSWERS)
def test_always_loads_has_no_precision_no_recall_and_the_baselines_share(
    answers: list[Answer],
) -> None:
    result = score([Answer(None, each.happened) for each in answers])
    assert result.precision is None
    assert result.recall in {None, 0.0}
    assert result.right == result.loaded == score(answers).loaded


@given(ANSWERS, st.randoms())
def test_the_order_of_loads_does_not_matter(answers: list[Answer], random: Any) -> None:
    shuffled = answers[:]
    random.shuffle(shuffled)
    assert score(shuffled) == score(answers)


def test_releases_the_rules_were_not_written_from_are_apart(
    run: RunRecord, said: Said, ran: Ran
) -> None:
    old, middle, new = (cell.id for cell in run.cells)
    scores = score_run(
        ran(
            said(None, consumer=old),
            said(GLOBAL, GLOBAL, consumer=old),
            said(CORRUPT, CORRUPT, consumer=middle),
            said(None, consumer=new),
            torches=("1.11.0", "1.12.1", "2.6.0"),
        )
    )
    assert scores.releases == ("1.11.0",)
    assert [each.reason for each in scores.held_out.reasons] == [GLOBAL]
    assert (scores.held_out.loads, scores.known.loads) == (2, 2)


def test_only_answers_with_a_prediction_count_and_mistakes_are_apart(
    make_outcome: Said, said: Said, ran: Ran
) -> None:
    scores = score_run(
        ran(
            make_outcome(),
            said(Reason.MODE_MISSING, verdict=Verdict.UNSUPPORTED, reason=Reason.MODE_MISSING),
            said(None, verdict=Verdict.ERROR, reason=Reason.CELL_LOST),
            said(None, GLOBAL, case="wrong_layers"),
            said(None, verdict=Verdict.CHANGED, reason=Reason.VALUES_DIFFER),
        )
    )
    assert scores.known.loads == scores.known.loaded == 1
    assert (scores.mistakes.loads, scores.mistakes.recall) == (1, 0.0)
    assert scores.wrong == ()


def test_what_fails_after_loading_is_counted_and_told_apart(said: Said, ran: Ran) -> None:
    scores = score_run(
        ran(
            said(None, FORWARD, stage=Stage.FORWARD),
            said(FORWARD, FORWARD, stage=Stage.FORWARD),
            said(FORWARD, None),
            said(CORRUPT, CORRUPT),
        )
    )
    assert scores.known.recall == 0.75
    assert scores.known.precision == 0.75
    at_load = scores.known_at_load
    assert (at_load.loads, at_load.precision, at_load.recall) == (2, 1.0, 1.0)


def test_wrong_ones_are_listed_the_most_frequent_first(said: Said, ran: Ran) -> None:
    wrong = [said(None, GLOBAL)] * 2 + [said(CORRUPT)] + [said(None, FORWARD, stage=Stage.FORWARD)]
    scores = score_run(ran(*wrong, said(None), said(CORRUPT, CORRUPT)))
    assert [(each.predicted, each.happened, each.loads) for each in scores.wrong] == [
        (None, GLOBAL, 2),
        (CORRUPT, None, 1),
        (None, FORWARD, 1),
    ]
    assert list(scores.loads) == wrong
    lines = sentences(scores, most_wrong=1)
    assert "wrong: was to load, failed: missing_global (2 loads), as tensor_plain" in lines[-2]
    assert lines[-1] == "  and 2 more loads in predictions.json"


def test_the_terminal_says_the_scores_beside_always_loads(
    make_outcome: Said, said: Said, ran: Ran
) -> None:
    scores = score_run(ran(said(CORRUPT, CORRUPT), said(None), said(None), said(None, GLOBAL)))
    assert sentences(scores)[0] == (
        "predictions, by the releases the rules were written from: 4 loads; "
        "precision 1.00, recall 0.50 over 2 reasons (always «loads»: recall 0.00); "
        "right 75.0 % (always «loads»: 50.0 %)"
    )
    assert sentences(score_run(ran(make_outcome()))) == []


def test_all_of_it_is_json(said: Said, ran: Ran) -> None:
    scores = score_run(ran(said(CORRUPT, GLOBAL, message="No such thing"), said(None)))
    told = json.loads(json.dumps(to_json(scores)))
    known = told["scores"]["known"]
    assert (known["loads"], known["right"], known["always_loads"]["right"]) == (2, 2, 1)
    assert known["reasons"][0]["reason"] == "file_corrupt"
    (wrong,) = told["wrong"]
    assert (wrong["predicted"], wrong["happened"], wrong["stage"], wrong["why"]) == (
        "file_corrupt",
        "missing_global",
        "load",
        "it says so",
    )


def test_reports_have_it_in_one_block(make_outcome: Said, said: Said, ran: Ran) -> None:
    whole = ran(said(CORRUPT, GLOBAL), said(None))
    page, text = render_html(whole), render_markdown(whole)
    assert "releases the rules were written from" in page
    assert "was to fail: file_corrupt, failed: missing_global" in page
    assert "## Predictions" in text
    assert "was to fail: file_corrupt, failed: missing_global" in text
    nothing = ran(make_outcome())
    assert "Nothing was predicted" in render_html(nothing)
    assert "Nothing was predicted" in render_markdown(nothing)
