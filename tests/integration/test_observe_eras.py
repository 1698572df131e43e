"""Observations in real versions of torch.

``CKPTMATRIX_TEST_ENVS`` names interpreters that have torch, separated by colons;
``tests/torch_environments.py`` makes them. Without it there is nothing to run these in.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from typing import TYPE_CHECKING, Any

import pytest

from ckptcell import canonical
from eras import ENVIRONMENTS, each_environment, in_cell

if TYPE_CHECKING:
    from pathlib import Path

KINDS = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "bits8",
    "float4_e2m1fn_x2",
    "complex32",
    "complex64",
    "complex128",
    "bool",
    "zero_dim",
    "empty",
    "views",
    "special",
    "large",
    "conj",
    "neg",
    "coo",
    "csr",
    "csc",
    "bsr",
    "bsc",
    "nested",
    "jagged",
    "quantized",
    "quantized_rows",
    "meta",
    "channels_last",
    "parameter",
    "mkldnn",
    "subclass",
    "masked",
    "dtensor",
    "exported",
    "lazy",
    "tied",
    "short_storage",
    "tied_modules",
    "buffers",
    "storage",
    "generator",
    "constants",
]

pytestmark = [
    pytest.mark.skipif(not ENVIRONMENTS, reason="CKPTMATRIX_TEST_ENVS names no interpreter"),
    pytest.mark.timeout(600),
]


@functools.cache
def kinds(environment: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    answer = in_cell(environment, "kinds.py")
    assert answer["names"] == sorted(KINDS)
    seen: dict[str, dict[str, list[dict[str, Any]]]] = answer["kinds"]
    return seen


@each_environment
@pytest.mark.parametrize("kind", KINDS)
def test_kind(environment: Path, kind: str) -> None:
    if kind not in kinds(environment):
        pytest.skip("this torch has no such kind")
    seen = kinds(environment)[kind]
    facts = [
        [{k: v for k, v in leaf.items() if k != "stride_order"} for leaf in one["leaves"]]
        for one in seen["same"]
    ]
    assert all(one == facts[0] for one in facts)
    assert all(one["aliases"] == seen["same"][0]["aliases"] for one in seen["same"])
    whole = [canonical.digest(one) for one in seen["same"]]
    assert all(canonical.digest(one) not in whole for one in seen["other"])
    unobservable = [
        leaf for one in seen["same"] for leaf in one["leaves"] if leaf["type"] == "unobservable"
    ]
    assert bool(unobservable) == (kind == "short_storage")


@pytest.mark.parametrize("kind", KINDS)
def test_every_era_sees_the_same(kind: str) -> None:
    seen = {
        environment.name: canonical.digest(kinds(environment)[kind]["same"][0])
        for environment in ENVIRONMENTS
        if kind in kinds(environment)
    }
    assert len(set(seen.values())) <= 1, seen


@each_environment
def test_digests_are_of_the_bytes_in_c_order(environment: Path) -> None:
    seen = kinds(environment)
    for kind, code in (("float32", "f"), ("float64", "d"), ("int64", "q"), ("float16", "e")):
        raw = struct.pack(f"=12{code}", *range(12))
        (leaf,) = seen[kind]["same"][2]["leaves"]
        assert leaf["sha256"] == hashlib.sha256(raw).hexdigest()
        assert leaf["values"] == list(range(12))


@each_environment
def test_flags_and_parts(environment: Path) -> None:
    seen = kinds(environment)
    if "conj" in seen:
        (leaf,) = seen["conj"]["same"][0]["leaves"]
        assert (leaf["conj"], leaf["values"]) == (True, [[1.0, -2.0], [3.0, 1.0]])
    (leaf,) = seen["coo"]["same"][0]["leaves"]
    assert leaf["params"]["coalesced"] is False
    assert leaf["parts"]["values"]["values"] == [1.0, 2.0, 3.0]
    assert seen["tied"]["same"][0]["aliases"] == [["[0]", "[1]"]]
    assert seen["tied_modules"]["same"][0]["aliases"] == [[".0.weight", ".1.weight"]]
    assert seen["channels_last"]["same"][0]["leaves"][0]["stride_order"] == [2, 3, 1]
