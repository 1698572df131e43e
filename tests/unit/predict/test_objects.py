"""What is loaded and cannot be used: keys, attributes, options and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import Format, ParameterGroup, Reading, State, TensorEntry
from ckptmatrix.words import Mode, Reason
from readings import LINEAR, STATE_DICT, sparse

if TYPE_CHECKING:
    from readings import File, Told

HALF_AND_WHOLE = ("float16", "float32")


def test_an_object_without_an_attribute_that_forward_reads(file: File, told: Told) -> None:
    gelu = "torch.nn.modules.activation.GELU"
    old = file(gelu, states=(State(dotted=gelu, attributes=("training",)),))
    new = file(gelu, states=(State(dotted=gelu, attributes=("approximate", "training")),))
    assert told(old, "1.12.0").reason is Reason.FORWARD_ERROR
    assert told(old, "1.11.0").reason is None
    assert told(new, "2.6.0").reason is None
    assert told(old, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_an_object_without_an_attribute_that_forward_reads_when_it_is_set_so(
    file: File, told: Told
) -> None:
    conv = "torch.nn.modules.conv.Conv2d"

    def saved(*attributes: str, mode: str) -> Reading:
        setting = f"padding_mode={mode}"
        state = State(dotted=conv, attributes=attributes, settings=("kind=x", setting))
        return file(conv, states=(state,))

    assert told(saved("padding_mode", mode="circular"), "1.7.1").reason is Reason.FORWARD_ERROR
    assert told(saved("padding_mode", mode="zeros"), "1.7.1").reason is None
    ahead = saved("_reversed_padding_repeated_twice", mode="circular")
    assert told(ahead, "1.7.1").reason is None


def test_layers_of_half_precision_compute_on_the_cpu_since_2_2(file: File, told: Told) -> None:
    given = State(dotted=LINEAR, attributes=("training",))
    tensors = [TensorEntry(path="", dtype=f"torch.{kind}", shape=(2,)) for kind in HALF_AND_WHOLE]
    half = file(LINEAR, states=(given,), tensors=tuple(tensors[:1]))
    assert told(half, "2.1.2").reason is Reason.FORWARD_ERROR
    assert told(half, "2.2.0").reason is None
    assert told(file(LINEAR, states=(given,), tensors=tuple(tensors)), "2.0.1").reason is None
    assert told(file(*STATE_DICT, tensors=tuple(tensors[:1])), "2.0.1").reason is None


@pytest.mark.parametrize(
    ("beside", "torch", "fails"),
    [
        ("betas", "1.12.1", False),
        ("betas", "1.13.0", True),
        ("betas", "2.3.1", True),
        ("betas", "2.4.0", False),
        ("nesterov", "2.2.2", False),
        ("nesterov", "2.3.1", True),
        ("nesterov", "2.4.0", False),
        ("lr_decay", "2.3.1", False),
    ],
)
def test_fused_steps_on_the_cpu_since_2_4(
    beside: str,
    torch: str,
    fails: bool,  # noqa: FBT001 - a table of cases
    file: File,
    told: Told,
) -> None:
    on = file(*STATE_DICT, groups=(ParameterGroup(options=("lr", beside, "fused"), on=("fused",)),))
    off = file(*STATE_DICT, groups=(ParameterGroup(options=("lr", beside, "fused")),))
    assert told(on, torch).reason is (Reason.RESUME_ERROR if fails else None)
    assert told(on, torch, loading={"device": "cuda:0"}).reason is None
    assert told(off, torch).reason is None


def test_a_cyclic_schedule_needs_its_function_since_2_2(file: File, told: Told) -> None:
    cyclic = ("base_lrs", "max_lrs", "step_ratio", "last_epoch")
    old = file(*STATE_DICT, schedulers=(("last_epoch", "gamma"), cyclic))
    new = file(*STATE_DICT, schedulers=((*cyclic, "_scale_fn_custom"),))
    assert told(old, "2.1.2").reason is None
    assert told(old, "2.2.0").reason is Reason.MISSING_KEYS
    assert "CyclicLR lacks _scale_fn_custom" in told(old, "2.6.0").why
    assert told(new, "2.6.0").reason is None


def test_a_schedule_is_loaded_before_a_step_is_taken(file: File, told: Told) -> None:
    fused = ParameterGroup(options=("betas", "fused"), on=("fused",))
    both = file(groups=(fused,), schedulers=(("base_lrs", "max_lrs", "step_ratio"),))
    assert told(both, "2.3.1").reason is Reason.MISSING_KEYS
    assert told(both, "1.13.0").reason is Reason.RESUME_ERROR


def test_extra_state_is_not_taken_before_1_10(file: File, told: Told) -> None:
    reading = file(*STATE_DICT, keys=("weight", "vocabulary._extra_state"))
    assert told(reading, "1.9.1").reason is Reason.UNEXPECTED_KEYS
    assert told(reading, "1.9.1", Mode.PARTIAL).reason is None
    assert told(reading, "1.10.0").reason is None


def test_a_sparse_tensor_of_the_legacy_format_is_checked_too_early(file: File, told: Told) -> None:
    reading = file(*STATE_DICT, format=Format.LEGACY, tensors=(sparse("torch.sparse_coo"),))
    assert told(reading, "1.6.0").reason is Reason.LAYOUT_UNSUPPORTED
    assert told(reading, "1.7.0").reason is None
    assert told(file(*STATE_DICT, tensors=(sparse("torch.sparse_coo"),)), "1.6.0").reason is None
