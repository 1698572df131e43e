"""From a file's reading and an environment's facts to a prediction. Pure.

What releases can do is in the tables beside this file. The checks are made in the order in which a
loader meets what they are about, so that of several causes the one it reports first is predicted.

What is about how something is loaded is told as plain values (``Loading``): the mode, the device,
how much memory there is, what the loader is given. Which case it is for is not told.

What neither tells, and what is therefore predicted to load: that a model has another architecture
than the file, that the file itself is not where it should be, that it was damaged in a way that
reads well, that the loading code makes a mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.reading import UNNAMED, Format
from ckptmatrix.predict.calls import given_class, misfit
from ckptmatrix.predict.consumer import consumer_of
from ckptmatrix.predict.container import has_mmap, named_by_texts, unreadable
from ckptmatrix.predict.devices import no_device, no_place
from ckptmatrix.predict.lookup import missing, unimportable
from ckptmatrix.predict.memory import first_too_large, too_large
from ckptmatrix.predict.objects import unusable
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.restricted import (
    is_restricted,
    lacks,
    refused,
    refused_format,
    refused_opcode,
    refused_state,
)
from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.loading import Loading
    from ckptmatrix.wire import Facts

__all__ = ["predict"]

#: What ``torch.load`` reads; the others have loaders of their own, without restricted unpickling.
_TORCH_LOAD = frozenset({Format.ZIP, Format.LEGACY, Format.TAR, Format.TORCHSCRIPT})
_PICKLED = _TORCH_LOAD | {Format.DCP, Format.PACKAGE, Format.PICKLE}


def predict(reading: Reading, consumer: Facts, loading: Loading) -> Prediction:
    """What a load will come to.

    Args:
        reading: What the file says.
        consumer: What the environment says it is.
        loading: How it will be loaded.
    """
    there = consumer_of(consumer)
    if (why := unimportable(reading.globals, there)) is not None:
        return why
    lacking = lacks(loading.mode, there)
    if loading.mode is Mode.MMAP and not has_mmap(there):
        lacking = "mmap"
    if lacking:
        return Prediction(reason=Reason.MODE_MISSING, why=f"torch.load has no {lacking}")
    return (
        unreadable(reading, there, loading) or _unpickled(reading, there, loading) or Prediction()
    )


def _unpickled(reading: Reading, consumer: Consumer, loading: Loading) -> Prediction | None:
    """Why a pickle fails, or what is made of it."""
    mode = loading.mode
    restricted = reading.format in _TORCH_LOAD and is_restricted(mode, consumer)
    if reading.format is Format.TORCHSCRIPT:
        # It has a loader of its own, which knows these modes alone; others are of torch.load.
        own = mode in {Mode.PLAIN, Mode.MAPPED}
        no = None if own or not restricted else refused_format(reading.format, consumer)
        return no or too_large(reading, loading)
    if reading.format not in _PICKLED:
        return too_large(reading, loading)
    return (
        (refused_format(reading.format, consumer) if restricted else None)
        or _looked_up(reading, consumer, loading, restricted=restricted)
        or (refused_opcode(reading.opcodes, consumer) if restricted else None)
        or named_by_texts(reading, consumer)
        or no_device(reading, consumer, mode)
        or no_place(reading, consumer, mode)
        or too_large(reading, loading)
        or misfit(reading, consumer)
        or (refused_state(reading, consumer) if restricted else None)
        or unusable(reading, consumer, loading)
    )


def _looked_up(
    reading: Reading, consumer: Consumer, loading: Loading, *, restricted: bool
) -> Prediction | None:
    """Why one of the names fails, in the order of the file; storages are asked for by then."""
    mode = loading.mode
    storage = no_device(reading, consumer, mode) or first_too_large(reading, loading)
    calls_unnamed = any(call.dotted == UNNAMED for call in reading.calls)
    for name in reading.globals:
        why = missing(name, consumer) or given_class(name, reading, consumer)
        if restricted:
            # An allowed name is one of torch's own; and to allow others they are looked up first.
            allowed = mode is Mode.ALLOWLISTED
            no = refused(name, consumer, allowed=allowed, calls_unnamed=calls_unnamed)
            why = (why or no) if allowed else no
        if why is None and name.name.endswith("Storage"):
            why = storage
        if why is not None:
            return why
    return None
