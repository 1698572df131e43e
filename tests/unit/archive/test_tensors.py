from __future__ import annotations

import pytest

from ckptmatrix.archive.nodes import Made, Name, Node, Persistent
from ckptmatrix.archive.tensors import tensor_of

REBUILD = Name("torch._utils", "_rebuild_tensor_v2")
TYPED = Name("torch._tensor", "_rebuild_from_type_v2")
JAGGED = Name("torch.nested._internal.nested_tensor", "NestedTensor")


def strided(kind: str, key: str, *shape: int) -> Made:
    """A tensor as torch.save writes it."""
    storage = Persistent(("storage", Name("torch", kind), key, "cpu", 8))
    return Made(REBUILD, (storage, 0, shape, (1,) * len(shape), False, {}))


def test_a_jagged_tensor_that_its_class_rebuilds_is_that_of_its_values() -> None:
    parts = (strided("FloatStorage", "0", 4, 2), strided("LongStorage", "1", 3))
    tensor = tensor_of(Made(TYPED, (JAGGED, JAGGED, parts, {})))
    assert tensor is not None
    assert (tensor.dtype, tensor.shape, tensor.storage) == ("torch.float32", (), "0")
    assert tensor.rebuild == "_rebuild_from_type_v2 NestedTensor"


@pytest.mark.parametrize(
    "node",
    [
        Made(TYPED, (Name("mine", "NestedTensor"), JAGGED, (strided("FloatStorage", "0", 4),), {})),
        Made(TYPED, (JAGGED, JAGGED, (), {})),
        Made(TYPED, (JAGGED, JAGGED, (3,), {})),
    ],
)
def test_what_is_none_is_not_read_as_one(node: Node) -> None:
    assert tensor_of(node) is None
