from __future__ import annotations

from ckptmatrix.judge.outcome import Cure, Diagnosis
from ckptmatrix.report.advice import NONE, Advice, advise, cure_line

MAPPED = Cure(where="load", text="load with map_location", verified=True, by="mapped")
LEGACY = Cure(where="save", text="save in the legacy format", by="legacy_format")


def known(name: str, *cures: Cure, cause: str = "it has a reason") -> Diagnosis:
    return Diagnosis(signature=name, cause=cause, cures=cures, reference=f"pytorch#{len(name)}")


def test_nothing_is_said_where_nothing_is_known() -> None:
    unknown = Diagnosis(signature="", cause="ValueError: the moon is full")
    assert advise([]) == advise([None, unknown]) == NONE


def test_one_cause_and_the_cure_that_works() -> None:
    assert advise([known("a", LEGACY, MAPPED)]) == Advice(
        cause="it has a reason",
        cure="load with map_location (verified here)",
        reference="pytorch#1",
    )


def test_a_cure_that_nobody_tried_is_not_called_verified() -> None:
    assert advise([known("a", LEGACY)]).cure == "save in the legacy format"


def test_how_often_a_cure_worked_is_said_when_it_was_not_always() -> None:
    alike = [known("a", MAPPED), known("a", LEGACY), known("a", MAPPED)]
    assert advise(alike).cure == "load with map_location (verified here for 2 of 3)"


def test_the_most_frequent_cause_is_told_and_others_are_counted() -> None:
    told = advise([known("b"), known("a", cause="first"), known("a", cause="first"), None])
    assert told.cause == "first (and 1 other cause, 1 load without a known cause)"
    assert told.cure == ""


def test_a_cure_says_what_has_to_change() -> None:
    assert cure_line(MAPPED) == "when loading: load with map_location (verified here)"
    assert cure_line(LEGACY) == "when saving: save in the legacy format"
    newer = Cure(where="version", text="load with torch 2.1 or newer")
    assert cure_line(newer) == "another version: load with torch 2.1 or newer"
