"""What people do to a state dict that does not fit: rename its keys, or load what does fit."""

import collections
from typing import Any

__all__ = ["COMPILED", "WRAPPED", "load_into", "prefixed", "stripped"]

#: What ``DataParallel`` and ``DistributedDataParallel`` put before every key.
WRAPPED = "module."
#: What ``torch.compile`` puts there.
COMPILED = "_orig_mod."


def stripped(state):
    """``state`` without the wrappers' prefixes before its keys, however many there are.

    Args:
        state: A state dict.

    Returns:
        Another state dict of the same tensors, in the same order.
    """
    return _renamed(state, _bare)


def prefixed(state):
    """``state`` as a model wrapped in ``DataParallel`` has it.

    Args:
        state: A state dict.

    Returns:
        Another state dict of the same tensors, in the same order.
    """
    return _renamed(state, lambda key: WRAPPED + key)


def load_into(model, state, mode):
    """``model.load_state_dict(state)`` after the cure that ``mode`` is, if it is one of these.

    Args:
        model: A module.
        state: What a checkpoint holds; no more than ``load_state_dict`` asks for is asked of it.
        mode: ``stripped`` and ``prefixed`` rename the keys, ``partial`` is ``strict=False``;
            every other one leaves all as it is.

    Returns:
        The missing and the unexpected keys, as ``load_state_dict`` does.

    Raises:
        Exception: Whatever ``load_state_dict`` raises.
    """
    if mode == "stripped":
        state = stripped(state)
    if mode == "prefixed":
        state = prefixed(state)
    return model.load_state_dict(state, strict=mode != "partial")


def _bare(key):
    begin = 0
    while True:
        prefix = next((each for each in (WRAPPED, COMPILED) if key.startswith(each, begin)), "")
        if not prefix:
            return key[begin:]
        begin += len(prefix)


def _renamed(state, name):
    renamed: Any = collections.OrderedDict((name(key), value) for key, value in state.items())
    # Versions of the modules the state is of; load_state_dict looks them up by prefix.
    metadata = getattr(state, "_metadata", None)
    if metadata is not None:
        versions = [(name(key + "." if key else ""), value) for key, value in metadata.items()]
        renamed._metadata = collections.OrderedDict(  # noqa: SLF001 - it has no public name
            (prefix.rstrip("."), value) for prefix, value in versions
        )
    return renamed
