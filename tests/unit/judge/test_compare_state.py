from __future__ import annotations

import copy
from typing import Any

import pytest

from ckptmatrix.judge.compare import compare
from ckptmatrix.words import Reason
from observations import Json, dictionary, observation, reasons, state_dict, tensor


def without(whole: Json, path: str) -> Json:
    rest = copy.deepcopy(whole)
    rest["leaves"] = [leaf for leaf in rest["leaves"] if leaf["path"] != path]
    key = path[2:-2]
    for leaf in rest["leaves"]:
        if "keys" in leaf:
            leaf["keys"] = [name for name in leaf["keys"] if name != key]
    return rest


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
    assert (difference.absolute, difference.relative) == (0.5, 0.5 / 4.5)


def test_other_values_say_how_far_apart_they_are() -> None:
    other = {"sha256": "d" * 64, "values": [1.0, 2.0, 3.0, 5.0]}
    (difference,) = compare(state_dict(), state_dict(**other))
    assert difference.before == "[1.0, 2.0, 3.0, 4.0]"
    assert difference.after == "[1.0, 2.0, 3.0, 5.0]; largest difference 1, relative 0.2"
    assert (difference.absolute, difference.relative, difference.step) == (1.0, 0.2, None)


@pytest.mark.parametrize(
    ("kind", "old", "new", "absolute"),
    [
        ("float", 0.5, 0.125, 0.375),
        ("int", 4, 1, 3.0),
        ("complex", [3.0, 4.0], [0.0, 0.0], 5.0),
        ("float", 0.5, "nan", None),
        ("str", "1", "2", None),
        ("bool", True, False, None),
    ],
)
def test_numbers_alone_say_how_far_apart_they_are(
    kind: str, old: Any, new: Any, absolute: float | None
) -> None:
    before = observation({"path": "['lr']", "type": kind, "value": old})
    after = observation({"path": "['lr']", "type": kind, "value": new})
    (difference,) = compare(before, after)
    assert (difference.path, difference.absolute) == ("['lr']", absolute)


def test_values_that_were_not_kept_are_no_number() -> None:
    other = {"sha256": "d" * 64, "values": None}
    (difference,) = compare(state_dict(values=None), state_dict(**other))
    assert (difference.what, difference.absolute) == (Reason.VALUES_DIFFER, None)


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
