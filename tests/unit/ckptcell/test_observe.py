"""Observing what needs no torch; tensors are in tests/integration/test_observe_eras.py."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import enum
import functools
import pathlib
import struct
import threading
import types
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell import canonical, observe
from ckptcell.encoding import class_name
from ckptcell.tensor_bytes import values


class Colour(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Settings:
    rate: float
    name: str


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self) -> None:
        self.left = 1


class Private:
    def __init__(self) -> None:
        self.__dict__.update({"b": 2, "a": 1})


class Text(str):
    __slots__ = ()


def leaves(obj: object) -> list[dict[str, Any]]:
    observation = observe.observe(obj)
    canonical.dumps(observation)
    found: list[dict[str, Any]] = observation["leaves"]
    return found


def only(obj: object) -> dict[str, Any]:
    (leaf,) = leaves(obj)
    assert leaf.pop("path") == ""
    return leaf


def paths(obj: object) -> list[str]:
    return [leaf["path"] for leaf in leaves(obj)]


@pytest.mark.parametrize(
    ("obj", "leaf"),
    [
        (None, {"type": "none", "value": None}),
        (True, {"type": "bool", "value": True}),
        (3, {"type": "int", "value": 3}),
        (2**53, {"type": "int", "value": 2**53}),
        (-(2**53) - 1, {"type": "int", "value": "-9007199254740993"}),
        (0.5, {"type": "float", "value": 0.5}),
        (float("nan"), {"type": "float", "value": "nan"}),
        (float("-inf"), {"type": "float", "value": "-inf"}),
        (1 - 2j, {"type": "complex", "value": [1.0, -2.0]}),
        ("é", {"type": "str", "value": "é"}),
        (b"\x00\xff", {"type": "bytes", "value": "00ff"}),
        (bytearray(b"a"), {"type": "bytes", "class": "bytearray", "value": "61"}),
        (..., {"type": "ellipsis", "value": "..."}),
        (Colour.RED, {"type": "enum", "class": f"{__name__}.Colour", "value": "RED"}),
        (Level.LOW, {"type": "enum", "class": f"{__name__}.Level", "value": "LOW"}),
        (
            Access.READ | Access.WRITE,
            {"type": "enum", "class": f"{__name__}.Access", "value": 3},
        ),
        (
            pathlib.PurePosixPath("/a/b"),
            {"type": "path", "class": "pathlib.PurePosixPath", "value": "/a/b"},
        ),
        (
            dt.datetime(2020, 2, 29, 1, 2, 3, 4, tzinfo=dt.UTC),
            {
                "type": "datetime",
                "class": "datetime.datetime",
                "value": "2020-02-29T01:02:03.000004+00:00 UTC",
            },
        ),
        (
            dt.date(2020, 2, 29),
            {"type": "datetime", "class": "datetime.date", "value": "2020-02-29"},
        ),
        (
            dt.timedelta(days=-1, microseconds=1),
            {"type": "datetime", "class": "datetime.timedelta", "value": -86399999999},
        ),
        (dict, {"type": "class", "value": "dict"}),
        (functools.reduce, {"type": "function", "value": "_functools.reduce"}),
        (Text("a"), {"type": "str", "class": f"{__name__}.Text", "value": "a"}),
    ],
)
def test_values(obj: object, leaf: dict[str, Any]) -> None:
    assert only(obj) == leaf


def test_the_concrete_path_class_has_a_stable_name() -> None:
    class Local(pathlib.PurePosixPath):
        pass

    Local.__module__, Local.__qualname__ = "pathlib._local", "PosixPath"
    assert only(Local("/a"))["class"] == "pathlib.PosixPath"


def test_long_texts_and_texts_utf8_cannot_hold_come_by_digest() -> None:
    long = only("a" * 1001)["value"]
    assert (long["length"], long["head"]) == (1001, "a" * 100)
    broken = only("\udc80")["value"]
    assert broken["head"] == "\\udc80"
    assert only("\\udc80")["value"] == "\\udc80"
    assert broken["sha256"] != only("\udc81")["value"]["sha256"]


def test_huge_integers_do_not_trip_over_the_limit_on_digits() -> None:
    assert only(10**5000)["value"]["head"].startswith("0x")
    assert only(10**5000) != only(10**5000 + 1)


def test_dict() -> None:
    first, *rest = leaves({"a": 1, 2: "b", (1, "c"): None, Colour.RED: 0.5, b"x": []})
    assert first["type"] == "dict"
    assert first["class"] == "dict"
    assert first["keys"] == ["a", "2", "(1, 'c')", f"{__name__}.Colour.RED", "b'x'"]
    assert [leaf["path"] for leaf in rest] == [
        "['a']",
        "[2]",
        "[(1, 'c')]",
        f"[{__name__}.Colour.RED]",
        "[b'x']",
    ]


def test_keys_without_a_text_are_told_apart_by_position() -> None:
    assert paths({object(): 1, object(): 2})[1:] == ["[<object 0>]", "[<object 1>]"]


def test_order_of_a_dict_is_part_of_it() -> None:
    assert observe.observe({"a": 1, "b": 2}) != observe.observe({"b": 2, "a": 1})


def test_attributes_of_a_container_are_seen() -> None:
    state = collections.OrderedDict(weight=1)
    state._metadata = {"version": 1}  # type: ignore[attr-defined]
    assert paths(state) == ["", "['weight']", "._metadata", "._metadata['version']"]


def test_sequences() -> None:
    found = leaves([(1,), Point(1, 2.0), collections.deque([3])])
    assert [(leaf["path"], leaf["type"]) for leaf in found] == [
        ("", "list"),
        ("[0]", "tuple"),
        ("[0][0]", "int"),
        ("[1]", "namedtuple"),
        ("[1].x", "int"),
        ("[1].y", "float"),
        ("[2]", "list"),
        ("[2][0]", "int"),
    ]
    assert found[3]["keys"] == ["x", "y"]
    assert found[6]["class"] == "collections.deque"


@given(st.lists(st.integers() | st.text() | st.tuples(st.integers())))
def test_a_set_does_not_depend_on_the_order_of_its_making(items: list[object]) -> None:
    backwards = items[::-1]
    assert observe.observe(set(items)) == observe.observe(set(backwards))


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (Settings(0.5, "a"), [".name", ".rate"]),
        (Slotted(), [".left"]),
        (Private(), [".a", ".b"]),
        (types.SimpleNamespace(a=1), [".a"]),
        (argparse.Namespace(a=1), [".a"]),
        (
            functools.partial(int, "3", base=4),
            [".func", ".args", ".args[0]", ".keywords", ".keywords['base']"],
        ),
        (slice(1, None), [".start", ".stop", ".step"]),
        (ValueError("bad"), [".args", ".args[0]"]),
        (object(), []),
    ],
)
def test_objects(obj: object, expected: list[str]) -> None:
    first, *rest = leaves(obj)
    assert first["type"] == "object"
    assert [leaf["path"] for leaf in rest] == expected


@pytest.mark.parametrize(
    "obj", [threading.Lock(), iter([1]), types, (item for item in [1]), memoryview(b"a")]
)
def test_what_hides_its_state_is_unobservable(obj: object) -> None:
    assert only(obj)["type"] == "unobservable"


def test_a_cycle_ends() -> None:
    knot: list[object] = []
    knot.append({"back": knot})
    assert leaves(knot)[-1] == {"path": "[0]['back']", "type": "reference", "value": ""}


def test_shared_containers_do_not_explode_and_are_told_from_copies() -> None:
    shared: list[object] = [1]
    for _ in range(60):
        shared = [shared, shared]
    assert len(leaves(shared)) < 200
    pair = [1]
    assert observe.observe([pair, pair]) != observe.observe([[1], [1]])


def test_empty_containers_are_never_references() -> None:
    assert observe.observe([(), ()]) == observe.observe([(), tuple([])])  # noqa: C409 - made anew


def test_depth_is_bounded() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert leaves(deep)[-1]["type"] == "unobservable"


def test_many_leaves_come_by_digest() -> None:
    numbers = list(range(4500))
    observation = observe.observe(numbers)
    assert len(observation["leaves"]) == 2000
    more = observation["more"]
    assert (more["count"], len(more["chunks"])) == (2501, 3)
    numbers[4400] += 1
    changed = observe.observe(numbers)["more"]
    assert changed["chunks"][:2] == more["chunks"][:2]
    assert changed["chunks"][2] != more["chunks"][2]
    assert changed["sha256"] == canonical.digest(changed["chunks"])


def test_digests_of_many_leaves_do_not_depend_on_the_device() -> None:
    def many(device: str, value: str) -> Any:
        walk = observe._Walk()
        part = {"type": "tensor", "device": device, "sha256": value}
        for index in range(observe.KEPT + 1):
            leaf = {"type": "tensor", "device": device, "parts": {"values": {**part}}}
            walk._add(f"[{index}]", leaf)
        return walk.result()

    cpu, cuda = many("cpu", "0" * 64), many("cuda:0", "0" * 64)
    assert cpu["more"] == cuda["more"]
    assert cpu["more"] != many("cpu", "1" * 64)["more"]
    assert cuda["leaves"][0]["device"] == "cuda:0"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("torch.nn.quantized.modules.linear", "torch.ao.nn.quantized.modules.linear"),
        ("torch.nn.quantized.dynamic.modules.rnn", "torch.ao.nn.quantized.dynamic.modules.rnn"),
        ("torch.nn.intrinsic.modules.fused", "torch.ao.nn.intrinsic.modules.fused"),
        ("torch.nn.qat.modules.conv", "torch.ao.nn.qat.modules.conv"),
        ("torch.nn.quantizable.modules.rnn", "torch.ao.nn.quantizable.modules.rnn"),
        ("torch.quantization.observer", "torch.ao.quantization.observer"),
        ("<torch_package_12>.ckptcell.examples", "ckptcell.examples"),
    ],
)
def test_a_class_that_moved_has_one_name(older: str, newer: str) -> None:
    names = {class_name(type("Same", (), {"__module__": module})) for module in (older, newer)}
    assert names == {newer + ".Same"}


@pytest.mark.parametrize(
    ("module", "older", "newer"),
    [("numpy", "bool_", "bool"), ("numpy.rec", "recarray", "recarray")],
)
def test_numpy_s_classes_have_one_name(module: str, older: str, newer: str) -> None:
    before = class_name(type(older, (), {"__module__": "numpy"}))
    after = class_name(type(newer, (), {"__module__": module}))
    assert before == after == f"numpy.{newer}"


def test_many_keys_come_by_digest() -> None:
    names = {str(index): None for index in range(2001)}
    first = observe.observe(names)["leaves"][0]
    assert (len(first["keys"]), first["length"]) == (2000, 2001)
    assert first["keys_sha256"] == canonical.digest(list(names))


def test_forward_has_leaves_alone() -> None:
    assert observe.observe_forward([1.5]) == {
        "leaves": [
            {"path": "", "type": "list", "class": "list", "length": 1},
            {"path": "[0]", "type": "float", "value": 1.5},
        ]
    }


def test_numpy_arrays() -> None:
    leaf = only(np.arange(6, dtype=np.int64).reshape(2, 3).T)
    assert leaf["type"] == "array"
    assert (leaf["class"], leaf["dtype"], leaf["shape"]) == ("numpy.ndarray", "int64", [3, 2])
    assert leaf["values"] == [0, 3, 1, 4, 2, 5]
    assert leaf["sha256"] == only(np.array([[0, 3], [1, 4], [2, 5]]))["sha256"]
    assert "values" not in only(np.zeros(observe.VALUES + 1))


def test_the_values_of_one_observation_are_bounded() -> None:
    whole = observe.LISTED // observe.VALUES
    arrays = [np.zeros(observe.VALUES) for _ in range(whole + 2)]
    leaves = observe.observe([*arrays, np.zeros(observe.FEW)])["leaves"][1:]
    listed = ["values" in leaf for leaf in leaves]
    assert listed == [True] * whole + [False] * 2 + [True]


@pytest.mark.parametrize(
    ("scalar", "dtype", "value"),
    [
        (np.float64(0.5), "float64", 0.5),
        (np.float16("nan"), "float16", "nan"),
        (np.bool_(True), "bool", True),  # noqa: FBT003 - NumPy's own signature
        (np.complex64(1j), "complex64", [0.0, 1.0]),
        (np.str_("a"), "<U1", "a"),
        (np.bytes_(b"a"), "|S1", "61"),
        (np.datetime64("2020-01-01"), "datetime64[D]", "2020-01-01"),
        (np.uint64(2**64 - 1), "uint64", str(2**64 - 1)),
    ],
)
def test_numpy_scalars(scalar: object, dtype: str, value: object) -> None:
    leaf = only(scalar)
    assert (leaf["type"], leaf["dtype"], leaf["values"]) == ("npscalar", dtype, [value])


def test_numpy_objects_of_other_kinds() -> None:
    assert paths(np.array([1, "a"], dtype=object)) == ["", "[0]", "[1]"]
    assert paths(np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])) == ["", "['a']", "['b']"]
    assert only(np.dtype("float32"))["value"] == "float32"
    assert only(np.ma.masked_array([1], [True]))["type"] == "unobservable"
    assert only(np.zeros(1, dtype=np.longdouble))["type"] == "unobservable"
    assert leaves(np.random.RandomState(0))[0]["type"] == "generator"
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    assert observe.observe(first) == observe.observe(second)
    second.random()
    assert observe.observe(first) != observe.observe(second)


@given(st.lists(st.floats(width=32)))
def test_decoding_float32(numbers: list[float]) -> None:
    raw = struct.pack(f"={len(numbers)}f", *numbers)
    expected = [str(number) if number - number != 0 else number for number in numbers]
    assert values(raw, "torch.float32", 4) == expected


def test_decoding_other_dtypes() -> None:
    assert values(b"\x80\x3f\x80\xbf", "torch.bfloat16", 2) == [1.0, -1.0]
    assert values(b"\x00\x02", "torch.bool", 1) == [False, True]
    assert values(struct.pack("=2f", 1, -2), "torch.complex64", 8) == [[1.0, -2.0]]
    assert values(b"\x38\x40", "torch.float8_e4m3fn", 1) == ["38", "40"]
    assert values(b"\xff" * 8, "torch.uint64", 8) == [str(2**64 - 1)]
