from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.archive.reading import (
    Call,
    Format,
    Global,
    Reading,
    StorageEntry,
    TensorEntry,
)
from ckptmatrix.diagnose.conditions import Conditions
from ckptmatrix.judge.outcome import Difference, Judgement
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.diagnose.evidence import Evidence

READING = Reading(
    format=Format.ZIP,
    bytes=10,
    protocol=2,
    byteorder="little",
    root="dict",
    keys=("state_dict", "epoch"),
    defects=("record a/data/0 is damaged",),
    globals=(Global(module="collections", name="OrderedDict"),),
    calls=(Call(dotted="torch._utils._rebuild_tensor_v2", arguments=7),),
    storages=(StorageEntry(key="0", dtype="torch.float32", device="cuda:0", bytes=4, present=4),),
    tensors=(TensorEntry(path="['weight']", dtype="torch.float32", shape=(1,)),),
)


def leaf(path: str, what: Reason, before: str = "1", after: str = "2") -> Difference:
    return Difference(path=path, what=what, before=before, after=after)


def changed(*differences: Difference) -> Judgement:
    return Judgement(
        verdict=Verdict.CHANGED, reason=differences[0].what, differences=tuple(differences)
    )


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"producer": {"torch": ">=2.6"}, "consumer": {"torch": "<2"}},
        {"consumer": {"python": "==3.11.7", "numpy": ">=2"}},
        {"producer_is": {"torch": "newer", "python": "same"}},
        {"case_format": ["pickle", "legacy"]},
        {"mode": ["plain"]},
        {"device": "cpu"},
        {"modes": {"trusted": ["ok", "changed"]}},
        {"warning": "deprecated"},
        {"format": ["zip"]},
        {"file": {"global": r"\Acollections\."}},
        {"file": {"call": "_v2/7$"}},
        {"file": {"dtype": "float32", "device": "cuda"}},
        {"file": {"defect": r"record (?P<record>\S+) is damaged"}},
        {"file": {"key": "^epoch$", "root": "dict", "protocol": "2", "byteorder": "little"}},
        {"file": {"tensor": "weight"}},
    ],
    ids=str,
)
def test_holds(evidence: Callable[..., Evidence], entry: dict[str, Any]) -> None:
    known = evidence(
        reading=READING,
        warnings=("DeprecationWarning: it is deprecated",),
        modes={Mode.TRUSTED: Judgement(verdict=Verdict.OK)},
    )
    assert Conditions.parse(entry).met_by(known) is not None


@pytest.mark.parametrize(
    "entry",
    [
        {"producer": {"torch": "<2.6"}},
        {"consumer": {"torch": ">=1.13"}},
        {"producer_is": {"torch": "older"}},
        {"producer_is": {"torch": "same"}},
        {"case_format": ["torchscript"]},
        {"mode": ["trusted"]},
        {"device": "cuda.*"},
        {"modes": {"trusted": ["failed"]}},
        {"modes": {"mmap": ["ok"]}},
        {"warning": "."},
        {"format": ["legacy"]},
        {"file": {"global": "numpy"}},
        {"file": {"protocol": "4"}},
        {"difference": {}},
        {"every_difference": {}},
        {"any_difference": {}},
        {"leaf_in_file": True},
        {"swapped": True},
    ],
    ids=str,
)
def test_does_not_hold(evidence: Callable[..., Evidence], entry: dict[str, Any]) -> None:
    known = evidence(reading=READING, modes={Mode.TRUSTED: Judgement(verdict=Verdict.OK)})
    assert Conditions.parse(entry).met_by(known) is None


@pytest.mark.parametrize("entry", [{"format": ["zip"]}, {"file": {"root": "dict"}}], ids=str)
def test_a_file_that_was_not_read_meets_nothing(
    evidence: Callable[..., Evidence], entry: dict[str, Any]
) -> None:
    assert Conditions.parse(entry).met_by(evidence(reading=None)) is None


def test_a_producer_that_nobody_knows_is_no_obstacle(evidence: Callable[..., Evidence]) -> None:
    conditions = Conditions.parse(
        {
            "producer": {"torch": "<1"},
            "producer_is": {"torch": "older"},
            "consumer": {"torch": "<2"},
        }
    )
    assert conditions.met_by(evidence(producer=None)) == {}
    assert conditions.met_by(evidence(producer=None, consumer=None)) is None


def test_what_patterns_find_is_given(evidence: Callable[..., Evidence]) -> None:
    conditions = Conditions.parse(
        {
            "file": {"defect": r"record (?P<record>\S+) is"},
            "difference": {"what": ["dtype_changed"], "before": r"(?P<was>float\d+)"},
        }
    )
    known = evidence(
        reading=READING,
        judgement=changed(
            leaf("['weight']", Reason.DTYPE_CHANGED, "torch.float64", "torch.float32")
        ),
    )
    assert conditions.met_by(known) == {"record": "a/data/0", "was": "float64"}


def test_differences_are_the_worst_any_or_every_one(evidence: Callable[..., Evidence]) -> None:
    known = evidence(
        judgement=changed(leaf("a", Reason.VALUES_DIFFER), leaf("b", Reason.FLAGS_CHANGED))
    )
    flags = {"what": ["flags_changed"]}
    either = {"what": ["flags_changed", "values_differ"]}
    assert Conditions.parse({"difference": flags}).met_by(known) is None
    assert Conditions.parse({"any_difference": flags}).met_by(known) == {}
    assert Conditions.parse({"every_difference": flags}).met_by(known) is None
    assert Conditions.parse({"every_difference": either}).met_by(known) == {}


def test_swapped_values_are_told_from_changed_ones(evidence: Callable[..., Evidence]) -> None:
    conditions = Conditions.parse({"swapped": True})
    swapped = changed(
        leaf("a", Reason.VALUES_DIFFER, "[1]", "[2]"), leaf("b", Reason.VALUES_DIFFER, "[2]", "[1]")
    )
    other = changed(
        leaf("a", Reason.VALUES_DIFFER, "[1]", "[3]"), leaf("b", Reason.VALUES_DIFFER, "[2]", "[4]")
    )
    assert conditions.met_by(evidence(judgement=swapped)) == {}
    assert conditions.met_by(evidence(judgement=other)) is None


def test_a_leaf_of_the_file_is_told_from_one_that_is_not(
    evidence: Callable[..., Evidence],
) -> None:
    inside, outside = (
        Conditions.parse({"leaf_in_file": True}),
        Conditions.parse({"leaf_in_file": False}),
    )
    known = evidence(reading=READING, judgement=changed(leaf("['weight']", Reason.VALUES_DIFFER)))
    foreign = evidence(reading=READING, judgement=changed(leaf("['mean']", Reason.VALUES_DIFFER)))
    assert inside.met_by(known) == outside.met_by(foreign) == {}
    assert inside.met_by(foreign) is outside.met_by(known) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"nothing": 1},
        {"producer": {"cuda": ">=1"}},
        {"producer": {"torch": "2.6"}},
        {"producer_is": {"torch": "better"}},
        {"mode": ["magic"]},
        {"format": ["floppy"]},
        {"file": {"colour": "red"}},
        {"difference": {"what": ["nothing"]}},
    ],
    ids=str,
)
def test_what_is_no_condition_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Conditions.parse(entry)
