"""What functions and classes are given: arguments, layouts and states that a release takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import Call, Format, Reading, State
from ckptmatrix.words import Mode, Reason
from readings import STATE_DICT, sparse

if TYPE_CHECKING:
    from readings import File, Told


def test_more_arguments_than_a_release_takes(file: File, told: Told) -> None:
    conjugated = file(*STATE_DICT, calls=(("torch._utils._rebuild_tensor_v2", 7),))
    assert told(conjugated, "1.13.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(conjugated, "2.0.0").reason is None
    unknown = file(*STATE_DICT, calls=(("torch._utils._rebuild_tensor_v2", -1),))
    assert told(unknown, "1.13.1").reason is None


def test_a_sparse_tensor_is_of_one_form_before_2_1(told: Told) -> None:
    call = Call(dotted="torch._utils._rebuild_sparse_tensor", arguments=2, shape=(4,))
    coo = Reading(
        format=Format.ZIP,
        bytes=1,
        version="3",
        calls=(call,),
        tensors=(sparse("torch.sparse_coo"),),
    )
    assert told(coo, "2.0.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(coo, "2.1.0").reason is None


def test_compressed_layouts_are_rebuilt_since_2_0(file: File, told: Told) -> None:
    csc = file(*STATE_DICT, tensors=(sparse("torch.sparse_csc"),))
    csr = file(*STATE_DICT, tensors=(sparse("torch.sparse_csr", "_rebuild_sparse_csr_tensor"),))
    assert told(csc, "1.12.1").reason is Reason.LAYOUT_UNSUPPORTED
    assert told(csc, "1.13.1", Mode.RESTRICTED).reason is Reason.LAYOUT_UNSUPPORTED
    assert told(csc, "2.0.0").reason is None
    assert told(csr, "1.12.1").reason is None


def test_generators_of_numpy_2_are_not_taken_by_numpy_1(file: File, told: Told) -> None:
    name = "numpy.random._pickle.__bit_generator_ctor"
    new = file(name, "numpy.random._pcg64.PCG64", calls=((name, 1),))
    old = file(name, calls=((name, 1),))
    assert told(new, "2.0.1", numpy="1.26.4").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "2.0.1", numpy="2.1.0").reason is None
    state = file(
        name, "numpy.random._pcg64.PCG64", "numpy._core.multiarray._reconstruct", calls=((name, 1),)
    )
    assert told(state, "2.0.1", numpy="1.24.0").reason is Reason.SIGNATURE_MISMATCH
    assert told(old, "2.0.1", numpy="1.26.4").reason is None


@pytest.mark.parametrize("function", ["__generator_ctor", "__randomstate_ctor"])
def test_generators_of_numpy_1_24_are_not_taken_before(
    function: str, file: File, told: Told
) -> None:
    name = f"numpy.random._pickle.{function}"
    new = file(name, "numpy.random._pickle.__bit_generator_ctor", calls=((name, 2),))
    prediction = told(new, "1.7.1", numpy="1.19.5")
    assert prediction.reason is Reason.SIGNATURE_MISMATCH
    assert "is given 2 arguments and takes 1" in prediction.why
    assert told(new, "1.7.1", numpy="1.23.5").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "1.7.1", numpy="1.24.0").reason is None
    assert told(new, "2.6.0", numpy="2.1.0").reason is None
    assert told(file(name, calls=((name, 1),)), "1.7.1", numpy="1.19.5").reason is None


def test_a_sharded_tensor_became_a_tensor(file: File, told: Told) -> None:
    name = "torch.distributed._shard.sharded_tensor.api.ShardedTensor"
    old = file(name, calls=((name, 0),))
    new = file("torch._utils._rebuild_wrapper_subclass", name)
    assert told(old, "1.12.1").reason is None
    assert told(old, "2.0.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "1.12.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "2.0.1").reason is None


def test_states_that_are_no_dicts(file: File, told: Told) -> None:
    name = "torch._C.Generator"
    generator = file(name, calls=((name, 1),))
    assert told(generator, "2.3.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(generator, "2.4.0").reason is None
    name = "torch._dynamo.decorators._DimRange"
    given = State(dotted=name, attributes=("dim", "max", "min"))
    assert told(file(name, calls=((name, 0),)), "2.6.0").reason is Reason.SIGNATURE_MISMATCH
    old = file(name, calls=((name, 0),), states=(given,))
    assert told(old, "2.6.0").reason is None


def test_packed_parameters_had_a_tuple_for_a_state_up_to_1_11(file: File, told: Told) -> None:
    name = "torch.nn.quantized.modules.linear.LinearPackedParams"
    old = file(name, calls=((name, 0),))
    new = file(name, calls=((name, 0),), states=(State(dotted=name, attributes=("dtype",)),))
    assert told(old, "1.12.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(old, "1.11.0").reason is None
    assert told(new, "1.12.1").reason is None
    assert told(new, "1.7.1").reason is Reason.FILE_CORRUPT


def test_a_tensor_without_attributes_has_no_state_to_go_through(told: Told) -> None:
    name = "torch._tensor._rebuild_from_type_v2"
    call = Call(dotted=name, arguments=4, shape=(3, -1))
    reading = Reading(format=Format.ZIP, bytes=1, version="3", calls=(call,))
    assert told(reading, "1.13.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(reading, "2.0.0").reason is None
