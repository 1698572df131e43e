"""The pickle machine against Python's own pickler, and against pickles no pickler would write."""

from __future__ import annotations

import collections
import contextlib
import pickle
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptmatrix.archive.limits import DEFAULT_LIMITS, Limits
from ckptmatrix.archive.machine import Machine
from ckptmatrix.archive.nodes import Blob, Made, Mapping, Persistent, SetOf
from ckptmatrix.archive.source import MemorySource
from ckptmatrix.archive.tally import Budget, Found, PickleError, PickleLimit

MEGABYTE = 1 << 20


def follow(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Any, Found]:
    found = Found()
    return Machine(MemorySource(data), 0, Budget(limits), found).run(), found


def made(node: Any) -> Any:
    """What nodes stand for, for kinds whose making is harmless."""
    match node:
        case Mapping():
            return dict(pairs_of(node))
        case SetOf():
            return (frozenset if node.frozen else set)(made(item) for item in node.items)
        case Made():
            return called(node)
        case list() | tuple():
            return type(node)(made(item) for item in node)
        case _:
            return node


def pairs_of(node: Mapping | Made) -> list[tuple[Any, Any]]:
    return [(made(key), made(value)) for key, value in node.pairs or ()]


def called(node: Made) -> Any:
    if node.of.dotted == "_codecs.encode":
        return node.arguments[0].encode("latin-1")
    if node.of.dotted == "collections.OrderedDict":
        return collections.OrderedDict(pairs_of(node))
    return KINDS[node.of.name](*map(made, node.arguments))


KINDS = {
    kind.__name__: kind for kind in (bytes, bytearray, set, frozenset, complex)
}  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(1 << 2000), 1 << 2000)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(HASHABLE, inner)
        | st.dictionaries(HASHABLE, inner).map(collections.OrderedDict)
        | st.sets(HASHABLE)
        | st.frozensets(HASHABLE)
        | st.binary().map(bytearray)
    ),
    max_leaves=20,
)


@given(value=VALUES, protocol=st.integers(0, 5))
@settings(max_examples=400)
def test_it_follows_what_python_writes(value: Any, protocol: int) -> None:
    node, found = follow(pickle.dumps(value, protocol))
    assert made(node) == value
    assert found.protocol == (protocol if protocol > 1 else None)


@given(value=VALUES, protocol=st.integers(0, 5), data=st.data())
@settings(max_examples=200)
def test_what_is_cut_off_is_damaged_and_nothing_else(
    value: Any, protocol: int, data: st.DataObject
) -> None:
    whole = pickle.dumps(value, protocol)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    machine = Machine(MemorySource(cut), 0, Budget(DEFAULT_LIMITS), Found())
    with pytest.raises(PickleError, match=r"cut off|stack"):
        machine.run()
    machine.rest()


@given(data=st.binary(max_size=300))
@settings(max_examples=500)
def test_anything_ends_in_an_answer(data: bytes) -> None:
    with contextlib.suppress(PickleError):
        follow(data)


def test_the_same_is_the_same() -> None:
    shared = [1]
    node, _ = follow(pickle.dumps([shared, shared], 2))
    assert node[0] is node[1]
    loop: list[Any] = []
    loop.append(loop)
    node, _ = follow(pickle.dumps(loop, 2))
    assert node[0] is node


def test_names_and_calls_are_counted() -> None:
    pairs = [collections.OrderedDict(a=1), collections.OrderedDict(b=2)]
    _, found = follow(pickle.dumps(pairs, 2))
    assert found.names == {("collections", "OrderedDict"): 1}
    assert found.calls == {("collections.OrderedDict", 0, ()): 2}


def test_old_ways_of_making_objects() -> None:
    inst, found = follow(b"(S'x'\nI1\nios\nsystem\n.")
    assert (inst.of.dotted, inst.arguments, found.odd["INST"]) == ("os.system", ("x", 1), 1)
    obj, found = follow(b"(cos\nsystem\nS'x'\no.")
    assert (obj.of.dotted, obj.arguments, found.odd["OBJ"]) == ("os.system", ("x",), 1)
    assert found.calls == {("os.system", 1, ()): 1}
    extension, found = follow(b"\x80\x02\x82\x05.")
    assert extension.module == "copyreg._inverted_registry"
    assert found.odd["EXT"] == 1


def test_a_call_of_what_a_call_gave_has_no_name() -> None:
    _, found = follow(b"cbuiltins\ngetattr\n(cos\npath\nS'x'\ntR)R.")
    assert ("?", 0, ()) in found.calls
    assert ("builtins", "getattr") in found.names


def test_persistent_ids_stand_for_storages_and_modules_for_themselves() -> None:
    node, found = follow(b"\x80\x02(X\x07\x00\x00\x00storageNK\x01tQ.")
    assert isinstance(node, Persistent)
    assert found.persistent == [node]
    node, found = follow(b"\x80\x02(X\x06\x00\x00\x00modulecmine\nNet\nNNtQ.")
    assert node.dotted == "mine.Net"
    assert found.persistent == []


def test_payloads_are_passed_over() -> None:
    payload = b"x" * MEGABYTE
    node, _ = follow(pickle.dumps([payload, "y" * MEGABYTE], 4))
    assert [(each.kind, each.length) for each in node] == [("bytes", MEGABYTE), ("str", MEGABYTE)]
    assert isinstance(node[0], Blob)
    # They do not count as read.
    small = replace(DEFAULT_LIMITS, pickle_bytes=MEGABYTE // 2)
    node, _ = follow(pickle.dumps([payload, 1], 4), small)
    assert node[1] == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02\x8b\xff\xff\xff\x7f" + b"1" * 100,
        b"\x80\x02\x8b\xff\xff\xff\xff",
        b"\x80\x04\x8e" + b"\xff" * 8 + b"x",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x",
        b"\x80\x02T\xff\xff\xff\xffx",
        b"\x80\x05\x96" + b"\xff" * 8,
        b"\x80\x02X\xff\xff\xff\x7fx",
    ],
)
def test_lengths_that_lie(data: bytes) -> None:
    with pytest.raises(PickleError, match=r"cut off|negative"):
        follow(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x80\x09N.", "protocol 9"),
        (b"\x80\x02\xffN.", "no pickle opcode"),
        (b"\x80\x02h\x05.", "never kept"),
        (b"\x80\x02R.", "stack"),
        (b"\x80\x02Ia\n.", "number"),
        (b"\x80\x02K\x01K\x02\x93.", "no text"),
        (b"\x80\x02K\x01K\x02a.", "no list"),
        (b"\x80\x02K\x01K\x02K\x03s.", "no dict"),
        (b"\x80\x02}(K\x01u.", "no value"),
        (b"\x80\x02t.", "stack"),
        (b"\x80\x02.", "stack"),
        (b"V" + b"x" * 100_000, "line"),
        (b"\x80\x02c" + b"x" * 5000 + b"\ny\n.", "name of 5,000 characters"),
    ],
)
def test_damage_is_named(data: bytes, says: str) -> None:
    with pytest.raises(PickleError, match=says):
        follow(data)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"\x80\x02" + b"N0" * 600 + b"N.", {"opcodes": 1000}),
        (b"\x80\x02" + b"]" * 2000 + b"a" * 1999 + b".", {"opcodes": 1000}),
        (b"\x80\x02" + b"N0" * 100_000 + b"N.", {"pickle_bytes": 1 << 16}),
        (b"\x80\x02](" + b"X\x10\x00\x00\x00aaaaaaaaaaaaaaaa" * 200 + b"e.", {"kept_text": 1000}),
        (b"\x80\x02" + b"".join(b"cm\nn%d\n0" % each for each in range(200)), {"globals": 100}),
        (b"\x80\x02cm\nn\n" + b"".join(b"(%btR" % (b"N" * i) for i in range(99)), {"globals": 9}),
        (b"\x80\x02" + b"NQ0" * 200, {"persistent": 100}),
    ],
)  # fmt: skip
def test_too_much_ends_early(data: bytes, limits: dict[str, int]) -> None:
    with pytest.raises(PickleLimit):
        follow(data, replace(DEFAULT_LIMITS, **limits))


def test_what_was_made_before_the_end_is_kept() -> None:
    whole = pickle.dumps({"a": [1, 2, 3], "b": {"c": 4}}, 2)
    machine = Machine(MemorySource(whole[:-4]), 0, Budget(DEFAULT_LIMITS), Found())
    with pytest.raises(PickleError):
        machine.run()
    kept = made(machine.rest())
    assert kept["a"] == [1, 2, 3]


def test_half_of_a_surrogate_pair_can_be_printed() -> None:
    node, _ = follow(b"V\\ud800\n.")
    assert node.encode() == b"\\ud800"


def test_a_budget_is_for_all_pickles_together() -> None:
    limits = replace(DEFAULT_LIMITS, opcodes=25)
    budget, found = Budget(limits), Found()
    data = MemorySource(b"\x80\x02" + b"N0" * 5 + b"N.")
    for _ in range(2):
        Machine(data, 0, budget, found).run()
    with pytest.raises(PickleLimit):
        Machine(data, 0, budget, found).run()


def test_what_objects_of_torch_are_set_to() -> None:
    def built(**state: object) -> bytes:
        whole = pickle.dumps(state, protocol=2)
        # The class is called without arguments, and what was made is given the state.
        return b"\x80\x02ctorch.nn\nConv2d\n)R" + whole[2:-1] + b"b."

    _, found = follow(built(padding_mode="circular", groups=1, note="x" * 10_000))
    assert found.states == {"torch.nn.Conv2d": {"padding_mode", "groups", "note"}}
    assert found.settings == {"torch.nn.Conv2d": {"padding_mode=circular"}}
