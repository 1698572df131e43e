"""What state dicts of optimizers and schedulers are in an object, near its top."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.archive.contents import keys_of, pairs_of
from ckptmatrix.archive.reading import ParameterGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.nodes import Node

__all__ = ["TrainingState", "training_state_in"]

#: How many containers are between the object and what is looked at, and how much of each is.
_NEAR = 2
_FEW = 50
#: How many groups and dicts are looked at in all.
_MOST = 1_000
#: Every scheduler of torch counts the times it was called.
_OF_SCHEDULER = "last_epoch"


class TrainingState(NamedTuple):
    """What was found.

    Attributes:
        groups: Groups of parameters, those with the same options once.
        schedulers: Keys of states of schedulers, the same ones once.
    """

    groups: tuple[ParameterGroup, ...]
    schedulers: tuple[tuple[str, ...], ...]


def training_state_in(root: Node) -> TrainingState:
    """State dicts of optimizers and schedulers in an object, as far as its first few entries go."""
    groups: dict[ParameterGroup, None] = {}
    schedulers: dict[tuple[str, ...], None] = {}
    for node in islice(_near_top(root), _MOST):
        keys = keys_of(node, _FEW)
        if _OF_SCHEDULER in keys and len(schedulers) < _FEW:
            schedulers[keys] = None
        for key, value in (pairs_of(node) or [])[:_FEW]:
            if key == "param_groups" and isinstance(value, list):
                for group in value[:_FEW]:
                    if len(groups) < _FEW:
                        groups[_group(group)] = None
    return TrainingState(groups=tuple(groups), schedulers=tuple(schedulers))


def _near_top(root: Node) -> Iterator[Node]:
    """Dicts and what is in lists, those nearest to the top first."""
    waiting = [(root, 0)]
    for node, depth in waiting:
        pairs = (pairs_of(node) or [])[:_FEW]
        if pairs:
            yield node
        if depth < _NEAR:
            items = node[:_FEW] if isinstance(node, list | tuple) else ()
            within = (value for key, value in pairs if key != "param_groups")
            waiting.extend((each, depth + 1) for each in (*items, *within))


def _group(node: Node) -> ParameterGroup:
    options = keys_of(node, _FEW)
    values = (value for _, value in pairs_of(node) or ())
    return ParameterGroup(
        options=options,
        on=tuple(option for option, value in zip(options, values, strict=False) if value is True),
    )
