from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.judge.outcome import Difference, Judgement, Outcome
from ckptmatrix.report.schema import COLUMNS, outcome_from, row
from ckptmatrix.words import Mode, Reason, Stage, Verdict

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

TEXT = st.text(max_size=20)
OUTCOMES = st.builds(
    Outcome,
    producer=TEXT,
    consumer=TEXT,
    case=TEXT,
    family=TEXT,
    producer_device=TEXT,
    device=TEXT,
    mode=st.sampled_from(Mode),
    judgement=st.builds(
        Judgement,
        verdict=st.sampled_from(Verdict),
        reason=st.none() | st.sampled_from(Reason),
        stage=st.none() | st.sampled_from(Stage),
        as_expected=st.booleans(),
        flaky=st.booleans(),
        message=TEXT,
        entity=TEXT,
        differences=st.lists(
            st.builds(Difference, path=TEXT, what=st.sampled_from(Reason), before=TEXT, after=TEXT),
            max_size=3,
        ).map(tuple),
    ),
    warnings=st.lists(TEXT, max_size=3).map(tuple),
    seconds=st.floats(0, 1e6),
    peak_rss_bytes=st.integers(0, 2**60),
    attempts=st.integers(0, 2),
    checkpoint=st.none() | st.just("a" * 64),
    cached=st.booleans(),
)


@given(OUTCOMES)
def test_an_outcome_survives_being_a_row(outcome: Outcome) -> None:
    fields = row(outcome)
    assert list(fields) == [column.name for column in COLUMNS]
    assert outcome_from(json.loads(json.dumps(fields))) == outcome


def test_every_column_says_what_it_means_and_names_are_unique() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert all(column.meaning.endswith(".") for column in COLUMNS)
    volatile = {column.name for column in COLUMNS if column.volatile}
    assert volatile == {"seconds", "peak_rss_bytes", "checkpoint", "cached"}


def test_only_nullable_columns_are_ever_empty(run: RunRecord) -> None:
    nullable = {column.name for column in COLUMNS if column.nullable}
    rows = [row(outcome) for outcome in run.outcomes]
    assert {name for fields in rows for name, value in fields.items() if value is None} <= nullable


def test_a_word_that_is_none_of_ours_is_refused(run: RunRecord) -> None:
    fields = row(run.outcomes[0])
    with pytest.raises(ValueError, match="great"):
        outcome_from(fields | {"verdict": "great"})
    with pytest.raises(KeyError):
        outcome_from({name: value for name, value in fields.items() if name != "flaky"})
