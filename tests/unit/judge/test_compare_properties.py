from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ckptmatrix.judge.compare import KEPT, compare
from ckptmatrix.judge.observation import MalformedObservationError
from ckptmatrix.judge.policy import CHANGES
from ckptmatrix.words import Reason
from observations import Json, observation, state_dict, tensor

SCALARS = st.sampled_from([None, True, 0, 1, -1.5, 2**70, float("nan"), "", "nan", "x\x00\u2028"])


VALUES = SCALARS | st.lists(SCALARS, max_size=2)


JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "leaves", "path", "type", "more"]), inner)
    ),
    max_leaves=8,
)


NAMES = ["class", "dtype", "shape", "layout", "sha256", "values", "value", "keys", "length", "conj"]


LEAVES = st.lists(
    st.builds(
        lambda path, kind, fields: {**fields, "path": path, "type": kind},
        st.sampled_from(["", "['a']", "['a']['b']", "[0]", ".x"]),
        st.sampled_from(["tensor", "dict", "int", "reference", "\x00"]),
        st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
        | st.builds(
            lambda params: {"params": params},
            st.dictionaries(st.sampled_from(["coalesced", "scale"]), VALUES, max_size=2),
        ),
    ),
    max_size=4,
)


OBSERVATIONS = st.fixed_dictionaries(
    {"version": st.just(1), "leaves": LEAVES},
    optional={
        "aliases": st.lists(
            st.lists(st.sampled_from(["", "['a']", ".x", "?"]), max_size=3), max_size=2
        ),
        "forward": st.builds(lambda leaves: {"leaves": leaves}, LEAVES),
        "resume": st.builds(
            lambda losses: {"losses": losses},
            st.lists(st.sampled_from([0.0, 1.0, "nan", "inf"]), max_size=3),
        ),
        "more": st.builds(
            lambda count, chunks: {"count": count, "sha256": "".join(chunks), "chunks": chunks},
            st.integers(0, 3),
            st.lists(st.sampled_from("ab"), max_size=2),
        ),
    },
)


@settings(deadline=None)  # the machine may be busy
@given(OBSERVATIONS)
def test_anything_is_the_same_as_itself(one: Json) -> None:
    assert compare(one, json.loads(json.dumps(one))) == ()


@settings(deadline=None)  # the machine may be busy
@given(OBSERVATIONS, OBSERVATIONS)
def test_a_difference_is_one_from_either_side(one: Json, other: Json) -> None:
    one["forward"] = one["resume"] = other["forward"] = other["resume"] = None
    there, back = compare(one, other), compare(other, one)
    assert bool(there) == bool(back)
    # What lacks some keys and has others instead is told by those it lacks, from either side.
    told = {Reason.KEYS_ADDED: Reason.KEYS_MISSING}
    assert {told.get(difference.what, difference.what) for difference in there} == {
        told.get(difference.what, difference.what) for difference in back
    }


@settings(deadline=None)  # the machine may be busy
@given(OBSERVATIONS, OBSERVATIONS)
def test_differences_are_few_short_sorted_and_always_the_same(one: Json, other: Json) -> None:
    found = compare(one, other)
    assert found == compare(copy.deepcopy(one), copy.deepcopy(other))
    ranks = [CHANGES.index(difference.what) for difference in found]
    assert ranks == sorted(ranks)
    assert len(found) <= KEPT
    for difference in found:
        assert len(difference.before) <= 300
        assert len(difference.after) <= 300


@settings(deadline=None)  # the machine may be busy
@given(JSON, JSON)
def test_arbitrary_json_is_compared_or_refused(one: Any, other: Any) -> None:
    for pair in ((one, other), (state_dict(), one), (state_dict() | {"leaves": one}, other)):
        with contextlib.suppress(MalformedObservationError):
            assert isinstance(compare(*pair), tuple)


FIELDS = st.sampled_from(
    [
        ("class", "mine.Tensor", Reason.TYPE_CHANGED),
        ("shape", [9], Reason.SHAPE_CHANGED),
        ("dtype", "torch.int8", Reason.DTYPE_CHANGED),
        ("sha256", "9" * 64, Reason.VALUES_DIFFER),
        ("layout", "torch.jagged", Reason.LAYOUT_CHANGED),
        ("stride_order", [7], Reason.LAYOUT_CHANGED),
        ("requires_grad", True, Reason.FLAGS_CHANGED),
        ("conj", True, Reason.FLAGS_CHANGED),
    ]
)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 30), st.lists(FIELDS, min_size=1, max_size=4))
def test_the_worst_of_several_changes_to_a_leaf_is_found(
    place: int, changes: list[tuple[str, Any, Reason]]
) -> None:
    before = observation(*(tensor(f"[{index}]") for index in range(31)))
    after = copy.deepcopy(before)
    for name, value, _ in changes:
        after["leaves"][place][name] = value
    worst = min((what for _, _, what in changes), key=CHANGES.index)
    hidden = {"layout", "sha256"} <= {name for name, _, _ in changes}
    if hidden and worst is Reason.VALUES_DIFFER:
        worst = Reason.LAYOUT_CHANGED
    found = compare(before, after)
    assert found[0].what is worst
    assert {difference.path for difference in found} == {f"[{place}]"}
