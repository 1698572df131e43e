"""Which of several causes is met first, and that whatever a file says has one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.archive.reading import Call, Format, Global, ParameterGroup, Reading, State
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.predict import predict
from ckptmatrix.wire import Facts
from ckptmatrix.words import Mode, OpenedAs, Reason
from readings import LINEAR, STATE_DICT, sparse, storage

if TYPE_CHECKING:
    from readings import File, Told


@pytest.mark.parametrize(
    "mode", [Mode.PLAIN, Mode.MAPPED, Mode.RESTRICTED, Mode.MMAP, Mode.TRUSTED]
)
def test_a_state_dict_loads_in_a_recent_release_in_every_mode(
    mode: Mode, file: File, told: Told
) -> None:
    prediction = told(file(*STATE_DICT), "2.9.1", mode)
    assert (prediction.reason, prediction.why) == (None, "")


def test_a_device_is_missed_where_the_first_storage_is(file: File, told: Told) -> None:
    first = file(*STATE_DICT, LINEAR, storages=(storage("cuda:0"),))
    last = file(LINEAR, *STATE_DICT, storages=(storage("cuda:0"),))
    assert told(first, "2.6.0", Mode.PLAIN).reason is Reason.DEVICE_UNAVAILABLE
    assert told(last, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_arguments_are_met_before_the_state(file: File, told: Told) -> None:
    name = "numpy.random._pickle.__generator_ctor"
    given = (State(dotted=name, attributes=("state",)),)
    new = file(name, calls=((name, 2),), states=given)
    prediction = told(new, "2.6.0", Mode.ALLOWLISTED, numpy="1.21.0")
    assert prediction.reason is Reason.SIGNATURE_MISMATCH


NAMES = st.builds(Global, module=st.text(max_size=30), name=st.text(max_size=30))

CALLS = st.builds(
    Call,
    dotted=st.sampled_from(["?", "torch._utils._rebuild_tensor_v2", ""]) | st.text(max_size=20),
    arguments=st.integers(-1, 50),
    shape=st.lists(st.integers(-1, 9), max_size=3).map(tuple),
)

WORDS = st.lists(
    st.sampled_from(["fused", "betas", "base_lrs", "max_lrs", "step_ratio"]) | st.text(max_size=9),
    max_size=4,
).map(tuple)

FILES = st.builds(
    Reading,
    format=st.sampled_from(Format),
    bytes=st.integers(0, 10**12),
    note=st.text(max_size=30),
    version=st.text(max_size=10),
    protocol=st.none() | st.integers(0, 255),
    opcodes=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    defects=st.lists(st.text(max_size=30), max_size=2).map(tuple),
    globals=st.lists(NAMES, max_size=5).map(tuple),
    calls=st.lists(CALLS, max_size=5).map(tuple),
    storages=st.lists(st.text(max_size=10).map(storage), max_size=2).map(tuple),
    tensors=st.lists(st.text(max_size=10).map(sparse), max_size=2).map(tuple),
    keys=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    details=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=2),
    tensor_bytes=st.integers(0, 10**12),
    groups=st.lists(st.builds(ParameterGroup, options=WORDS, on=WORDS), max_size=2).map(tuple),
    schedulers=st.lists(WORDS, max_size=2).map(tuple),
)

LOADINGS = st.builds(
    Loading,
    mode=st.sampled_from(Mode),
    device=st.sampled_from(["cpu", "cuda:0"]),
    memory_bytes=st.none() | st.integers(0, 10**12),
    opened_as=st.sampled_from(OpenedAs),
)


def unclear(torch: str) -> Facts:
    """An environment whose versions are no versions."""
    return Facts(
        cell_program="1",
        python="?",
        implementation="",
        executable="",
        platform="",
        machine="",
        byteorder="little",
        torch=torch,
        numpy="!",
    )


@given(reading=FILES, loading=LOADINGS, torch=st.text(max_size=10))
def test_whatever_a_file_says_there_is_one_answer(
    reading: Reading, loading: Loading, torch: str
) -> None:
    prediction = predict(reading, unclear(torch), loading)
    assert (prediction.reason is None) is (prediction.why == "")
    assert prediction == predict(reading, unclear(torch), loading)
