"""What a checkpoint has, and lacks, to go on training from it. Pure.

A person who continues needs more than weights: without the optimizer's state its moments start
from nothing, without the scheduler the learning rate jumps, without the generators' state other
batches and dropout masks come. What is there is found by structure first (an optimizer's state has
``state`` and ``param_groups`` whatever it is called) and by the names that common trainers use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - read at run time when a record becomes JSON
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.judge.observation import Leaf, Observation

__all__ = ["Continuation", "Part", "continuation_of", "continuation_of_reading"]


class Part(StrEnum):
    """One thing that continuing needs."""

    WEIGHTS = "weights"
    OPTIMIZER = "optimizer"
    SCHEDULER = "scheduler"
    PROGRESS = "progress"
    RNG = "rng"
    SCALER = "scaler"
    VERSIONS = "versions"

    @property
    def phrase(self) -> str:
        """Its name for people."""
        return _PHRASES[self]

    @property
    def without(self) -> str:
        """What happens to training that goes on without it."""
        return _WITHOUT[self]


_PHRASES = {
    Part.WEIGHTS: "weights",
    Part.OPTIMIZER: "optimizer state",
    Part.SCHEDULER: "learning rate scheduler state",
    Part.PROGRESS: "epoch or step",
    Part.RNG: "state of the random generators",
    Part.SCALER: "gradient scaler state",
    Part.VERSIONS: "versions it was made with",
}
_WITHOUT = {
    Part.WEIGHTS: "there is nothing to continue from",
    Part.OPTIMIZER: "momentum and step counts start from nothing, so the first steps differ",
    Part.SCHEDULER: "the learning rate starts its schedule anew",
    Part.PROGRESS: "nothing says how far training was",
    Part.RNG: "shuffling, dropout and augmentation take another course",
    Part.SCALER: "float16 training searches its loss scale anew; others do not need it",
    Part.VERSIONS: "nothing says which environment to continue in (`ckptmatrix stamp` writes it)",
}

#: Keys by which a dict is known, whatever it is called.
_SHAPES = {
    Part.OPTIMIZER: ({"state", "param_groups"},),
    Part.SCHEDULER: ({"last_epoch", "_step_count"}, {"last_epoch", "base_lrs"}),
    Part.SCALER: ({"scale", "growth_factor", "backoff_factor"},),
}
#: How trainers name them. A key whose value is None is not there.
_NAMES = {
    Part.OPTIMIZER: re.compile(r"optim", re.IGNORECASE),
    Part.SCHEDULER: re.compile(r"sched", re.IGNORECASE),
    Part.PROGRESS: re.compile(
        r"(?:^|[_-])(?:epochs?|steps?|iter|iters|iterations?|num_updates)(?:$|[_-](?:num|idx|done))",
        re.IGNORECASE,
    ),
    Part.RNG: re.compile(r"rng|random_state|generator_state|(?:^|_)seed_state", re.IGNORECASE),
    Part.SCALER: re.compile(r"(?:grad|amp|loss|^)_?scaler", re.IGNORECASE),
    Part.VERSIONS: re.compile(r"version", re.IGNORECASE),
}
#: Of these, everything inside belongs to them.
_WHOLE = {Part.OPTIMIZER, Part.SCHEDULER, Part.SCALER, Part.RNG}
_NUMBERS = {"int", "float", "npscalar", "tensor"}
_STEP = re.compile(r"\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\]]*))\]|\.([A-Za-z_]\w*)")
#: Names are looked for this deep: below are parameters, whose names mean something else.
_DEEPEST_NAME = 2


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """What is there, and what is not.

    Attributes:
        present: Part → path of the first place where it is.
        missing: The others, in the order of :class:`Part`.
    """

    present: Mapping[Part, str] = field(default_factory=dict)
    missing: tuple[Part, ...] = ()

    @property
    def only_weights(self) -> bool:
        """Whether there is nothing in it but weights."""
        return set(self.present) == {Part.WEIGHTS}


@dataclass(frozen=True, kw_only=True)
class _Thing:
    """Anything in a checkpoint.

    Attributes:
        path: Where.
        kind: Its type in an observation.
        keys: Its keys, when it is a dict.
    """

    path: str
    kind: str
    keys: frozenset[str] = frozenset()

    @property
    def steps(self) -> tuple[str, ...]:
        """Its path, key by key."""
        return tuple(
            next((part for part in match.groups() if part is not None), "")
            for match in _STEP.finditer(self.path)
        )


def continuation_of(observation: Observation, *, versions: bool = False) -> Continuation:
    """What an object that was loaded has and lacks.

    Args:
        observation: What a cell saw.
        versions: Whether the versions are known from elsewhere: a sidecar.
    """
    leaves = observation.state.leaves
    things = [_thing(leaf) for leaf in leaves]
    if observation.state.beyond and things and things[0].path == "":
        # Not all leaves are listed, but all keys of the root are.
        seen = {thing.steps[0] for thing in things if thing.steps}
        things += [_Thing(path=f"[{key!r}]", kind="int") for key in sorted(things[0].keys - seen)]
    return _continuation(iter(things), versions=versions)


def continuation_of_reading(reading: Reading, *, versions: bool = False) -> Continuation:
    """What a file has and lacks, as far as it tells without being loaded.

    Args:
        reading: What it says of itself.
        versions: Whether the versions are known from elsewhere.
    """

    def things() -> Iterator[_Thing]:
        yield _Thing(path="", kind="dict", keys=frozenset(reading.keys))
        for key in reading.keys:
            # What it holds cannot be told, so a name is believed.
            yield _Thing(path=f"[{key!r}]", kind="int")
        for tensor in reading.tensors:
            yield _Thing(path=tensor.path, kind="tensor")

    return _continuation(things(), versions=versions)


def _continuation(things: Iterator[_Thing], *, versions: bool) -> Continuation:
    present: dict[Part, str] = {}
    claimed: list[str] = []
    for thing in things:
        # A tensor of the optimizer's is no weight, and its step is not that of training.
        inside = any(_is_inside(thing.path, place) for place in claimed)
        part = None if inside else _part_of(thing)
        if part is not None:
            present.setdefault(part, thing.path)
            if part in _WHOLE:
                claimed.append(thing.path)
    if versions:
        present.setdefault(Part.VERSIONS, "the sidecar")
    ordered = {part: present[part] for part in Part if part in present}
    return Continuation(
        present=ordered, missing=tuple(part for part in Part if part not in ordered)
    )


def _is_inside(path: str, place: str) -> bool:
    return path.startswith(place) and path[len(place) :][:1] in {"[", "."}


def _part_of(thing: _Thing) -> Part | None:
    """What a thing is, or None when it is nothing that is looked for."""
    if thing.kind == "none":
        return None
    for part, shapes in _SHAPES.items():
        if any(shape <= thing.keys for shape in shapes):
            return part
    steps = thing.steps
    if steps and len(steps) <= _DEEPEST_NAME:
        for part, name in _NAMES.items():
            if name.search(steps[-1]) and _may_be(part, thing):
                return part
    return Part.WEIGHTS if thing.kind in {"tensor", "module"} else None


def _may_be(part: Part, thing: _Thing) -> bool:
    if part is Part.PROGRESS:
        return thing.kind in _NUMBERS
    if part is Part.VERSIONS:
        return thing.kind in {"str", "int", "tuple", "list"}
    if part is Part.RNG:
        return True
    # ``optimizer_name = "adam"`` is no state, and a parameter may be called ``optimum``.
    return thing.kind not in {"str", "bool", "float", "tensor"}


def _thing(leaf: Leaf) -> _Thing:
    keys = leaf.fields.get("keys")
    named = frozenset(map(str, keys)) if isinstance(keys, list) else frozenset()
    return _Thing(path=leaf.path, kind=leaf.type, keys=named)
