"""Whether a file's tensors have the device they want."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ckptmatrix.predict.knowledge import read_table, within
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import parse_spans
from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.spans import Span

__all__ = ["no_device", "no_place"]

_ANYWHERE = frozenset({"cpu", "meta", ""})
#: Makes a tensor from one of the CPU, or of NumPy's, and then moves it to where it was.
_REBUILT = re.compile(r"_rebuild_(device|xla|mlc)_tensor\w*")


@cache
def _heeded() -> tuple[Span, ...]:
    """Releases that move such a tensor as ``map_location`` says."""
    return parse_spans(read_table("objects")["map_location_heeded"])


def no_device(reading: Reading, consumer: Consumer, mode: Mode) -> Prediction | None:
    """Why a storage cannot go where it was; only loads that do not say where it is to go.

    Args:
        reading: The file.
        consumer: The environment.
        mode: How it is loaded.
    """
    if mode is not Mode.PLAIN:
        return None
    for storage in reading.storages:
        kind, _, index = storage.device.partition(":")
        if kind in _ANYWHERE:
            continue
        if kind != "cuda" or not consumer.gpus:
            return Prediction(
                reason=Reason.DEVICE_UNAVAILABLE, why=f"storages want {storage.device}"
            )
        if index.isdecimal() and int(index) >= consumer.gpus:
            return Prediction(
                reason=Reason.DEVICE_INDEX,
                why=f"storages want {storage.device}, and there are {consumer.gpus}",
            )
    return None


def no_place(reading: Reading, consumer: Consumer, mode: Mode) -> Prediction | None:
    """Why a tensor that is kept as one of another device cannot go where it was.

    Args:
        reading: The file.
        consumer: The environment.
        mode: How it is loaded; some releases move such a tensor whatever the loader says.
    """
    if mode is not Mode.PLAIN and within(_heeded(), consumer.torch):
        return None
    for tensor in reading.tensors:
        kind = tensor.device.partition(":")[0]
        if kind not in _ANYWHERE | {"cuda"} and _REBUILT.fullmatch(tensor.rebuild):
            return Prediction(
                reason=Reason.DEVICE_UNAVAILABLE,
                why=f"{tensor.rebuild} moves a tensor to {tensor.device}",
            )
    return None
