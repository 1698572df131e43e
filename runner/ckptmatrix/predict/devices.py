"""Whether a file's tensors have the device they want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.predict.consumer import Consumer

__all__ = ["no_device"]

_ANYWHERE = frozenset({"cpu", "meta", ""})


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
