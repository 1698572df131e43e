"""From a file's reading and an environment's facts to a prediction. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.predict.prediction import Prediction

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.wire import Facts
    from ckptmatrix.words import Mode

__all__ = ["predict"]


def predict(reading: Reading, consumer: Facts, mode: Mode, device: str) -> Prediction:
    """What a load will come to.

    Args:
        reading: What the file says.
        consumer: What the environment says it is.
        mode: How it will be loaded.
        device: Where tensors are to live.
    """
    _ = reading, consumer, mode, device
    return Prediction()
