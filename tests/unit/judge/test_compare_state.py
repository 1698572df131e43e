from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptmatrix.judge.compare import KEPT, compare
from ckptmatrix.judge.numbers import Tolerance
from ckptmatrix.judge.observation import MalformedObservationError
from ckptmatrix.judge.policy import CHANGES, Policy
from ckptmatrix.words import Reason

Json = dict[str, Any]


def tensor(path: str, **fields: Any) -> Json:
    leaf = {
        "path": path,
        "type": "tensor",
        "class": "torch.Tensor",
        "role": "tensor",
        "dtype": "torch.float32",
        "shape": [2, 2],
        "stride_order": [0, 1],
        "layout": "torch.strided",
        "device": "cpu",
        "requires_grad": False,
        "conj": False,
        "neg": False,
        "sha256": "a" * 64,
        "values": [1.0, 2.0, 3.0, 4.0],
    }
    return {**leaf, **fields}


def dictionary(path: str, *keys: str, cls: str = "dict") -> Json:
    return {"path": path, "type": "dict", "class": cls, "keys": list(keys)}


def observation(*leaves: Json, **fields: Any) -> Json:
    return {"version": 1, "leaves": list(leaves), "aliases": [], **fields}


def state_dict(**fields: Any) -> Json:
    return observation(
        dictionary("", "weight", "bias", "step", cls="collections.OrderedDict"),
        tensor("['weight']", **fields),
        tensor("['bias']", shape=[2], stride_order=[0], sha256="b" * 64, values=[0.5, "nan"]),
        {"path": "['step']", "type": "int", "value": 3},
    )


def without(whole: Json, path: str) -> Json:
    rest = copy.deepcopy(whole)
    rest["leaves"] = [leaf for leaf in rest["leaves"] if leaf["path"] != path]
    key = path[2:-2]
    for leaf in rest["leaves"]:
        if "keys" in leaf:
            leaf["keys"] = [name for name in leaf["keys"] if name != key]
    return rest


def reasons(before: Json, after: Json, policy: Policy | None = None) -> list[Reason]:
    return [difference.what for difference in compare(before, after, policy or Policy())]


def test_the_same_is_the_same() -> None:
    assert compare(state_dict(), state_dict()) == ()


def test_the_device_is_not_state() -> None:
    assert compare(state_dict(), state_dict(device="cuda:0")) == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "array"}, Reason.TYPE_CHANGED),
        ({"class": "torch.nn.parameter.Parameter"}, Reason.TYPE_CHANGED),
        ({"shape": [4, 1]}, Reason.SHAPE_CHANGED),
        ({"dtype": "torch.float64"}, Reason.DTYPE_CHANGED),
        ({"sha256": "c" * 64}, Reason.VALUES_DIFFER),
        ({"sha256": "c" * 64, "values": [1.0, 2.0, 3.0, 5.0]}, Reason.VALUES_DIFFER),
        ({"layout": "torch.sparse_coo"}, Reason.LAYOUT_CHANGED),
        ({"stride_order": [1, 0]}, Reason.LAYOUT_CHANGED),
        ({"requires_grad": True}, Reason.FLAGS_CHANGED),
        ({"role": "parameter"}, Reason.FLAGS_CHANGED),
        ({"conj": True}, Reason.FLAGS_CHANGED),
        ({"neg": True}, Reason.FLAGS_CHANGED),
        ({"a_fact_of_tomorrow": 1}, Reason.VALUES_DIFFER),
    ],
)
def test_one_changed_fact_is_one_difference_of_its_kind(fields: Json, reason: Reason) -> None:
    for pair in ((state_dict(), state_dict(**fields)), (state_dict(**fields), state_dict())):
        (difference,) = compare(*pair)
        assert difference.what is reason
        assert difference.path == "['weight']"
        assert difference.before != difference.after


def test_a_cast_is_a_dtype_change_and_says_how_far_the_values_moved() -> None:
    cast = {"dtype": "torch.float16", "sha256": "d" * 64, "values": [1.0, 2.0, 3.0, 4.5]}
    (difference,) = compare(state_dict(), state_dict(**cast))
    assert difference.what is Reason.DTYPE_CHANGED
    assert difference.before == "dtype torch.float32"
    assert difference.after == "dtype torch.float16; largest difference 0.5, relative 0.111"


def test_other_values_say_how_far_apart_they_are() -> None:
    other = {"sha256": "d" * 64, "values": [1.0, 2.0, 3.0, 5.0]}
    (difference,) = compare(state_dict(), state_dict(**other))
    assert difference.before == "[1.0, 2.0, 3.0, 4.0]"
    assert difference.after == "[1.0, 2.0, 3.0, 5.0]; largest difference 1, relative 0.2"


def test_a_lost_conj_bit_with_another_value_is_a_value_first() -> None:
    lost = state_dict(conj=False, sha256="d" * 64, values=[[1.0, 2.0]])
    assert reasons(state_dict(conj=True, values=[[1.0, -2.0]]), lost) == [
        Reason.VALUES_DIFFER,
        Reason.FLAGS_CHANGED,
    ]


def test_scalars_are_the_same_to_the_letter() -> None:
    for one, other in ((0.0, -0.0), (1, True), (1, 1.0), ("1", 1), (None, "null")):
        before = observation({"path": "", "type": "x", "value": one})
        after = observation({"path": "", "type": "x", "value": other})
        assert reasons(before, after) == [Reason.VALUES_DIFFER]


def test_a_missing_and_an_added_key() -> None:
    whole, rest = state_dict(), without(state_dict(), "['bias']")
    (missing,) = compare(whole, rest)
    assert (missing.what, missing.path, missing.after) == (
        Reason.KEYS_MISSING,
        "['bias']",
        "absent",
    )
    (added,) = compare(rest, whole)
    assert (added.what, added.path, added.before) == (Reason.KEYS_ADDED, "['bias']", "absent")


def test_a_missing_subtree_is_one_difference() -> None:
    whole = observation(
        dictionary("", "model", "epoch"),
        dictionary("['model']", "a", "b"),
        tensor("['model']['a']"),
        tensor("['model']['b']"),
        {"path": "['epoch']", "type": "int", "value": 1},
    )
    rest = observation(dictionary("", "epoch"), whole["leaves"][-1])
    (difference,) = compare(whole, rest)
    assert (difference.what, difference.path) == (Reason.KEYS_MISSING, "['model']")


def test_another_type_hides_what_is_below_it() -> None:
    before = observation(dictionary("", "a"), dictionary("['a']", "w"), tensor("['a']['w']"))
    after = observation(
        dictionary("", "a"),
        {"path": "['a']", "type": "list", "class": "list", "length": 1},
        tensor("['a'][0]"),
    )
    (difference,) = compare(before, after)
    assert (difference.what, difference.path) == (Reason.TYPE_CHANGED, "['a']")


def test_keys_in_another_order_are_another_value() -> None:
    before = observation(dictionary("", "a", "b"))
    after = observation(dictionary("", "b", "a"))
    assert reasons(before, after) == [Reason.VALUES_DIFFER]


def test_a_container_that_says_more_than_its_leaves() -> None:
    before, after = observation(dictionary("", "a")), observation(dictionary("", "a", "b"))
    (difference,) = compare(before, after)
    assert (difference.what, difference.after) == (Reason.KEYS_ADDED, '["b"]')
    lists = [observation({"path": "", "type": "list", "length": length}) for length in (2, 3)]
    assert reasons(lists[0], lists[1]) == [Reason.KEYS_ADDED]
    assert reasons(lists[1], lists[0]) == [Reason.KEYS_MISSING]


def test_a_path_that_appears_twice_is_two_leaves() -> None:
    twice = observation(tensor("x"), tensor("x"))
    assert compare(twice, twice) == ()
    assert reasons(twice, observation(tensor("x"))) == [Reason.KEYS_MISSING]


def test_a_broken_tie() -> None:
    tied = state_dict() | {"aliases": [["['bias']", "['weight']"]]}
    (broken,) = compare(tied, state_dict())
    assert broken.what is Reason.ALIASING_CHANGED
    assert broken.before == "memory of ['bias'], ['weight']"
    assert broken.after == "memory of its own"
    (made,) = compare(state_dict(), tied)
    assert made.what is Reason.ALIASING_CHANGED
    assert made.before == "memory of its own"


def test_a_tie_is_not_blamed_for_a_missing_key() -> None:
    tied = state_dict() | {"aliases": [["['bias']", "['weight']"]]}
    assert reasons(tied, without(state_dict(), "['bias']")) == [Reason.KEYS_MISSING]


def test_one_object_twice_is_not_two_equal_objects() -> None:
    shared = observation(
        dictionary("", "a", "b"),
        dictionary("['a']"),
        {"path": "['b']", "type": "reference", "value": "['a']"},
    )
    apart = observation(dictionary("", "a", "b"), dictionary("['a']"), dictionary("['b']"))
    assert reasons(shared, apart) == [Reason.ALIASING_CHANGED]
    assert reasons(apart, shared) == [Reason.ALIASING_CHANGED]


SPARSE = tensor(
    "",
    layout="torch.sparse_coo",
    stride_order=None,
    params={"coalesced": True, "sparse_dim": 2, "dense_dim": 0},
    parts={
        "indices": {"type": "tensor", "dtype": "torch.int64", "shape": [2, 1], "sha256": "1"},
        "values": {"type": "tensor", "dtype": "torch.float32", "shape": [1], "sha256": "2"},
    },
)


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        (lambda leaf: leaf["params"].update(coalesced=False), Reason.FLAGS_CHANGED, ""),
        (lambda leaf: leaf["params"].update(dense_dim=1), Reason.LAYOUT_CHANGED, ""),
        (lambda leaf: leaf["params"].update(scale=0.5), Reason.VALUES_DIFFER, ""),
        (lambda leaf: leaf["parts"]["values"].update(sha256="3"), Reason.VALUES_DIFFER, ".values"),
        (
            lambda leaf: leaf["parts"]["indices"].update(dtype="torch.int32"),
            Reason.DTYPE_CHANGED,
            ".indices",
        ),
        (lambda leaf: leaf["parts"].pop("values"), Reason.VALUES_DIFFER, ".values"),
    ],
)
def test_compound_tensors_are_compared_part_by_part(change: Any, reason: Reason, path: str) -> None:
    other = copy.deepcopy(SPARSE)
    change(other)
    other["sha256"] = "f" * 64 if reason is not Reason.FLAGS_CHANGED else other["sha256"]
    for pair in ((SPARSE, other), (other, SPARSE)):
        (difference,) = compare(observation(pair[0]), observation(pair[1]))
        assert (difference.what, difference.path) == (reason, path)


def large(count: int, *, lack: int | None = None) -> Json:
    """An observation of ``count`` leaves of which 20 are listed, perhaps without one of them."""
    leaves = [tensor(f"[{index}]") for index in range(count) if index != lack]
    return observation(
        *leaves[:20],
        more={
            "count": len(leaves) - 20,
            "sha256": "e" * 64,
            "chunks": ["0" * 64, "1" * 64],
        },
    )


def test_leaves_beyond_the_list() -> None:
    assert compare(large(2_000), large(2_000)) == ()
    other = large(2_000)
    other["more"] |= {"sha256": "f" * 64, "chunks": ["0" * 64, "2" * 64]}
    (difference,) = compare(large(2_000), other)
    assert (difference.what, difference.path) == (Reason.VALUES_DIFFER, "leaves 1021 to 2000")
    (missing,) = compare(large(2_000), large(1_999))
    assert (missing.what, missing.before, missing.after) == (
        Reason.KEYS_MISSING,
        "2000 leaves",
        "1999 leaves",
    )


def test_a_shifted_list_adds_nothing() -> None:
    (difference,) = compare(large(2_000), large(2_000, lack=3))
    assert (difference.what, difference.path) == (Reason.KEYS_MISSING, "[3]")
    (difference,) = compare(large(2_000, lack=3), large(2_000))
    assert (difference.what, difference.path) == (Reason.KEYS_ADDED, "[3]")


def forward(*leaves: Json) -> Json:
    return state_dict() | {"forward": {"leaves": list(leaves)}}


@pytest.mark.parametrize(
    ("dtype", "same", "other"),
    [
        ("torch.float64", 1 + 1e-10, 1 + 1e-7),
        ("torch.float32", 1 + 5e-6, 1 + 1e-4),
        ("torch.float16", 1 + 5e-3, 1 + 5e-2),
        ("torch.bfloat16", 1 + 1e-2, 1.2),
        ("torch.int64", 1, 2),
    ],
)
def test_outputs_are_compared_as_closely_as_their_dtype_allows(
    dtype: str, same: float, other: float
) -> None:
    def output(value: float, sha256: str) -> Json:
        values = [value, "nan", "inf"]
        return forward(tensor("", dtype=dtype, shape=[3], values=values, sha256=sha256))

    assert compare(output(1, "a"), output(same, "b")) == ()
    (difference,) = compare(output(1, "a"), output(other, "b"))
    assert (difference.what, difference.path) == (Reason.FORWARD_DIFFERS, "forward")
    assert "largest difference" in difference.after
    policy = Policy(forward=Tolerance(rtol=0.5))
    assert reasons(output(1, "a"), output(other, "b"), policy=policy) == (
        [] if "float" in dtype else [Reason.FORWARD_DIFFERS]
    )


def test_outputs_too_large_to_keep_are_compared_by_digest() -> None:
    one, other = (forward(tensor("", values=None, sha256=digit * 64)) for digit in "ab")
    assert compare(one, one) == ()
    assert reasons(one, other) == [Reason.FORWARD_DIFFERS]


@pytest.mark.parametrize(
    "other",
    [
        forward(tensor("", dtype="torch.float64")),
        forward(tensor("", shape=[4])),
        forward(tensor("[0]")),
        forward(),
        forward({"path": "", "type": "float", "value": 1.0}),
        state_dict(),
    ],
)
def test_outputs_of_another_form(other: Json) -> None:
    assert set(reasons(forward(tensor("")), other)) == {Reason.FORWARD_DIFFERS}


def test_how_outputs_lie_in_memory_does_not_matter() -> None:
    other = tensor("", stride_order=[1, 0], requires_grad=True, **{"class": "torch.nn.Parameter"})
    assert compare(forward(tensor("")), forward(other)) == ()


def test_what_the_producer_did_not_do_is_not_asked_of_the_consumer() -> None:
    assert compare(state_dict(), forward(tensor(""))) == ()
    assert compare(state_dict(), state_dict() | {"resume": {"losses": [1.0]}}) == ()


def resume(*losses: float | str) -> Json:
    return state_dict() | {"resume": {"losses": list(losses)}}


def test_the_first_step_at_which_losses_part() -> None:
    assert compare(resume(1.5, 1.25, "nan"), resume(1.5, 1.25 + 1e-13, "nan")) == ()
    (difference,) = compare(resume(1.5, 1.25, 1.0), resume(1.5, 1.2500001, 0.5))
    assert (difference.what, difference.path) == (Reason.RESUME_DIVERGED, "resume step 2")
    assert difference.before == "1.25"
    (shorter,) = compare(resume(1.5, 1.25), resume(1.5))
    assert shorter.path == "resume step 2"
    assert reasons(resume(1.5), state_dict()) == [Reason.RESUME_DIVERGED]
    loose = Policy(resume=Tolerance(rtol=1.0))
    assert reasons(resume(1.5, 1.0), resume(1.5, 0.5), policy=loose) == []


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
    mirrored = {Reason.KEYS_MISSING: Reason.KEYS_ADDED, Reason.KEYS_ADDED: Reason.KEYS_MISSING}
    assert {difference.what for difference in there} == {
        mirrored.get(difference.what, difference.what) for difference in back
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
