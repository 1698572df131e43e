"""Whatever changes in an object, in any version of torch, the judge says what it is and where."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.judge.compare import compare
from ckptmatrix.words import Reason
from eras import ENVIRONMENTS, each_environment, in_cell

if TYPE_CHECKING:
    from pathlib import Path

#: What changed → the reason, the path, and the largest difference where numbers were kept.
EXPECTED: dict[str, tuple[Reason, str, float | None]] = {
    "bytes": (Reason.VALUES_DIFFER, "", 0.5),
    "bytes_half": (Reason.VALUES_DIFFER, "", 0.5),
    "bytes_many": (Reason.VALUES_DIFFER, "", 1.0),
    "bytes_large": (Reason.VALUES_DIFFER, "", None),
    "minus_zero": (Reason.VALUES_DIFFER, "", 0.0),
    "dtype": (Reason.DTYPE_CHANGED, "", 0.0),
    "dtype_of_integers": (Reason.DTYPE_CHANGED, "", 0.0),
    "shape": (Reason.SHAPE_CHANGED, "", None),
    "rank": (Reason.SHAPE_CHANGED, "", None),
    "stride_order": (Reason.LAYOUT_CHANGED, "", None),
    "layout": (Reason.LAYOUT_CHANGED, "", None),
    "requires_grad": (Reason.FLAGS_CHANGED, "", None),
    "parameter": (Reason.FLAGS_CHANGED, "", None),
    "parameter_or_tensor": (Reason.TYPE_CHANGED, "", None),
    "parameter_or_buffer": (Reason.TYPE_CHANGED, ".extra", None),
    "buffer": (Reason.VALUES_DIFFER, ".extra", 1.0),
    "training": (Reason.FLAGS_CHANGED, "", None),
    "module_class": (Reason.TYPE_CHANGED, ".0", None),
    "module_lost_bias": (Reason.TYPE_CHANGED, ".bias", None),
    "tied": (Reason.ALIASING_CHANGED, "['embedding']", None),
    "tied_by_mistake": (Reason.ALIASING_CHANGED, "['embedding']", None),
    "view": (Reason.ALIASING_CHANGED, "[0]", None),
    "scale": (Reason.VALUES_DIFFER, "", 0.25),
    "zero_point": (Reason.VALUES_DIFFER, "", 1.0),
    "quantized_dtype": (Reason.DTYPE_CHANGED, "", None),
    "scheme": (Reason.LAYOUT_CHANGED, "", None),
    "row_scales": (Reason.VALUES_DIFFER, ".scales", 0.125),
    "row_zero_points": (Reason.VALUES_DIFFER, ".zero_points", 1.0),
    "sparse_values": (Reason.VALUES_DIFFER, ".values", 1.0),
    "sparse_indices": (Reason.VALUES_DIFFER, ".indices", 1.0),
    "coalesced": (Reason.FLAGS_CHANGED, "", None),
    "csr_values": (Reason.VALUES_DIFFER, ".values", 0.5),
    "csr_or_dense": (Reason.LAYOUT_CHANGED, "", None),
    "conj": (Reason.FLAGS_CHANGED, "", None),
    "neg": (Reason.FLAGS_CHANGED, "", None),
    "nested": (Reason.VALUES_DIFFER, ".1", 1.0),
    "jagged": (Reason.VALUES_DIFFER, ".values", 1.0),
    "subclass": (Reason.TYPE_CHANGED, "", None),
    "meta_shape": (Reason.SHAPE_CHANGED, "", None),
    "meta_or_not": (Reason.VALUES_DIFFER, "", None),
    "size": (Reason.VALUES_DIFFER, "", None),
    "dtype_object": (Reason.VALUES_DIFFER, "", None),
    "device_object": (Reason.VALUES_DIFFER, "", None),
    "random_state": (Reason.VALUES_DIFFER, ".state", None),
    "number": (Reason.VALUES_DIFFER, "['lr']", 0.09),
    "number_type": (Reason.TYPE_CHANGED, "['step']", None),
    "text": (Reason.VALUES_DIFFER, "['name']", None),
    "octets": (Reason.VALUES_DIFFER, "", None),
    "sequence_type": (Reason.TYPE_CHANGED, "", None),
    "dict_class": (Reason.TYPE_CHANGED, "", None),
    "key_lost": (Reason.KEYS_MISSING, "['b']", None),
    "key_new": (Reason.KEYS_ADDED, "['b']", None),
    "key_order": (Reason.VALUES_DIFFER, "", None),
    "namedtuple": (Reason.VALUES_DIFFER, ".y", 1.0),
    "enum": (Reason.VALUES_DIFFER, "", None),
    "path": (Reason.VALUES_DIFFER, "", None),
    "date": (Reason.VALUES_DIFFER, "", None),
    "set": (Reason.VALUES_DIFFER, "{1}", 1.0),
    "same_object": (Reason.ALIASING_CHANGED, "[1]", None),
    "array": (Reason.VALUES_DIFFER, "", 2.0),
    "array_dtype": (Reason.DTYPE_CHANGED, "", 0.0),
    "npscalar": (Reason.VALUES_DIFFER, "", 1.0),
    "npscalar_or_float": (Reason.TYPE_CHANGED, "", None),
    "output": (Reason.FORWARD_DIFFERS, "forward", 0.5),
    "output_dtype": (Reason.FORWARD_DIFFERS, "forward", None),
    "output_class": (Reason.FORWARD_DIFFERS, "forward", None),
    "output_integer": (Reason.FORWARD_DIFFERS, "forward", 1.0),
    "losses": (Reason.RESUME_DIVERGED, "resume step 3", 0.0001),
}
#: What no torch before these could make.
SINCE_LATER = {"conj", "neg", "csr_values", "csr_or_dense", "nested", "jagged", "subclass"} | {
    "meta_shape",
    "meta_or_not",
}

pytestmark = [
    pytest.mark.skipif(not ENVIRONMENTS, reason="CKPTMATRIX_TEST_ENVS names no interpreter"),
    pytest.mark.timeout(600),
]


@functools.cache
def pairs(environment: Path) -> dict[str, list[Any]]:
    answer = in_cell(environment, "changes.py")
    assert answer["names"] == sorted(EXPECTED)
    seen: dict[str, list[Any]] = answer["pairs"]
    return seen


@each_environment
@pytest.mark.parametrize("change", EXPECTED)
def test_what_changed_is_told(environment: Path, change: str) -> None:
    seen = pairs(environment)
    if change not in seen:
        assert change in SINCE_LATER
        pytest.skip("this torch has no such thing")
    before, after = seen[change]
    assert compare(before, before) == ()
    worst = compare(before, after)[0]
    reason, path, absolute = EXPECTED[change]
    assert (worst.what, worst.path) == (reason, path)
    assert worst.absolute == (None if absolute is None else pytest.approx(absolute))


def test_every_change_was_seen_somewhere() -> None:
    seen = {change for environment in ENVIRONMENTS for change in pairs(environment)}
    assert seen == set(EXPECTED)
