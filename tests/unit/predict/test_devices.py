"""Where storages lie, and what becomes of a tensor of a device that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import TensorEntry
from ckptmatrix.words import Mode, Reason
from readings import STATE_DICT, storage

if TYPE_CHECKING:
    from readings import File, Told


@pytest.mark.parametrize(
    ("device", "gpus", "reason"),
    [
        ("cuda:0", (), Reason.DEVICE_UNAVAILABLE),
        ("cuda:0", ("A",), None),
        ("cuda:1", ("A",), Reason.DEVICE_INDEX),
        ("cuda", ("A",), None),
        ("mps", ("A",), Reason.DEVICE_UNAVAILABLE),
        ("meta", (), None),
    ],
)
def test_storages_want_their_device_unless_they_are_mapped(
    device: str, gpus: tuple[str, ...], reason: Reason | None, file: File, told: Told
) -> None:
    reading = file(*STATE_DICT, storages=(storage(device),))
    assert told(reading, "2.6.0", Mode.PLAIN, gpus=gpus).reason is reason
    assert told(reading, "2.6.0", Mode.MAPPED, gpus=gpus).reason is None


@pytest.mark.parametrize(
    ("rebuild", "torch", "mode", "reason"),
    [
        ("_rebuild_device_tensor_from_numpy", "2.6.0", Mode.PLAIN, Reason.DEVICE_UNAVAILABLE),
        ("_rebuild_device_tensor_from_numpy", "2.6.0", Mode.TRUSTED, None),
        ("_rebuild_device_tensor_from_numpy", "1.12.1", Mode.TRUSTED, Reason.DEVICE_UNAVAILABLE),
        ("_rebuild_tensor_v2", "2.6.0", Mode.PLAIN, None),
    ],
)
def test_a_tensor_kept_as_one_of_the_cpu_is_moved_to_where_it_was(
    *, rebuild: str, torch: str, mode: Mode, reason: Reason | None, file: File, told: Told
) -> None:
    tensor = TensorEntry(
        path="", dtype="torch.float32", shape=(2,), device="xla:0", rebuild=rebuild
    )
    assert told(file(*STATE_DICT, tensors=(tensor,)), torch, mode).reason is reason
