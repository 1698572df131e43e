from __future__ import annotations

import copy
from typing import Any

import pytest

from ckptmatrix.judge.compare import KEPT, compare
from ckptmatrix.judge.observation import MalformedObservationError
from ckptmatrix.judge.policy import CHANGES, Policy
from ckptmatrix.words import Reason
from observations import dictionary, observation, reasons, state_dict, tensor


def test_the_most_telling_difference_comes_first_and_fifty_are_kept() -> None:
    before = observation(
        dictionary("", *map(str, range(100))), *(tensor(f"['{index}']") for index in range(100))
    )
    after = copy.deepcopy(before)
    for leaf in after["leaves"][1:]:
        leaf["requires_grad"] = True
    after["leaves"][90]["dtype"] = "torch.float64"
    found = compare(before, after)
    assert len(found) == KEPT
    assert found[0].what is Reason.DTYPE_CHANGED
    assert {difference.what for difference in found[1:]} == {Reason.FLAGS_CHANGED}


def test_what_a_case_ignores_is_no_difference() -> None:
    policy = Policy(ignore=frozenset({Reason.FLAGS_CHANGED}))
    assert compare(state_dict(), state_dict(requires_grad=True), policy) == ()
    assert reasons(state_dict(), state_dict(shape=[4]), policy=policy) == [Reason.SHAPE_CHANGED]


def test_every_kind_of_change_has_its_place_in_the_order() -> None:
    first = list(Reason).index(Reason.KEYS_MISSING)
    last = list(Reason).index(Reason.RESUME_DIVERGED)
    assert sorted(CHANGES) == sorted(list(Reason)[first : last + 1])
    assert len(CHANGES) == len(set(CHANGES))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "is not an object"),
        ({}, "version"),
        ({"version": 2}, "not 1"),
        ({"version": 1}, "leaves"),
        (observation() | {"leaves": [3]}, "leaf"),
        (observation({"path": 1, "type": "int"}), "path"),
        (observation({"path": "", "type": None}), "type"),
        (observation() | {"aliases": [[1]]}, "aliases"),
        (observation() | {"more": {"count": -1}}, "count"),
        (observation() | {"more": {"count": 1, "sha256": 1}}, "digest"),
        (observation() | {"resume": {"losses": ["one"]}}, "not a number"),
        (observation() | {"forward": []}, "forward"),
        (observation(tensor("", parts=[1])), "parts"),
        (observation(tensor("", parts={"a": 1})), "leaf"),
    ],
)
def test_what_is_no_observation_says_so(broken: Any, message: str) -> None:
    for pair in ((broken, state_dict()), (state_dict(), broken)):
        with pytest.raises(MalformedObservationError, match=message):
            compare(*pair)


def test_endless_nesting_is_no_observation() -> None:
    deep: Any = []
    part: Any = {"type": "tensor"}
    for _ in range(3_000):
        deep = [deep]
        part = {"type": "tensor", "parts": {"x": part}}
    for leaf in ({"path": "", "type": "x", "value": deep}, {"path": "", **part}):
        with pytest.raises(MalformedObservationError, match="nested too deeply"):
            compare(observation(leaf), observation(leaf))
