"""Observations as the judge reads them.

What a cell reports is hostile input: here it becomes values whose shape can be relied on, or a
:class:`MalformedObservationError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckptmatrix.judge.numbers import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "TOO_DEEP",
    "Leaf",
    "MalformedObservationError",
    "Observation",
    "Place",
    "Tree",
    "read_observation",
]


#: A path, and how often it appeared before.
Place = tuple[str, int]
TOO_DEEP = "it is nested too deeply"


class MalformedObservationError(ValueError):
    """What a cell reported is no observation; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf.

    Attributes:
        path: Where it is in the object, empty for the root.
        type: ``tensor``, ``dict`` …
        fields: Everything else that was seen, by name.
        parts: The tensors a compound tensor is made of, by name.
        params: What else makes up a compound tensor.
    """

    path: str
    type: str
    fields: Mapping[str, Any]
    parts: Mapping[str, Leaf]
    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The leaves of one object.

    Attributes:
        leaves: In the order of traversal.
        beyond: How many more there are than are listed.
        digest: Digest of those, or empty.
        chunks: Digest of each chunk of those.
    """

    leaves: tuple[Leaf, ...]
    beyond: int = 0
    digest: str = ""
    chunks: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many leaves there are in all."""
        return len(self.leaves) + self.beyond

    def placed(self) -> dict[Place, Leaf]:
        """The leaves by path, and by which appearance of that path it is: one may appear twice."""
        seen: dict[str, int] = {}
        placed = {}
        for leaf in self.leaves:
            nth = seen.get(leaf.path, 0)
            seen[leaf.path] = nth + 1
            placed[leaf.path, nth] = leaf
        return placed


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Facts about one object.

    Attributes:
        state: The object itself.
        aliases: Groups of paths whose tensors share memory.
        forward: What its forward pass returned, where there was one.
        losses: Losses of further training, where there was any.
    """

    state: Tree
    aliases: tuple[tuple[str, ...], ...] = ()
    forward: Tree | None = None
    losses: tuple[float, ...] | None = None

    def unobservable(self) -> Leaf | None:
        """The first leaf of a kind the observer does not know, in state or outputs."""
        trees = [self.state] if self.forward is None else [self.state, self.forward]
        for tree in trees:
            for leaf in tree.leaves:
                for each in _with_parts(leaf):
                    if each.type == "unobservable":
                        return each
        return None


def read_observation(value: object) -> Observation:
    """Read an observation.

    Args:
        value: Anything JSON can hold.

    Returns:
        The same facts, in the shapes section 5 of ``docs/design.md`` promises.

    Raises:
        MalformedObservationError: It is not an observation.
    """
    try:
        return _observation(value)
    except RecursionError:
        raise MalformedObservationError(TOO_DEEP) from None


def _observation(value: object) -> Observation:
    whole = _mapping(value, "the observation")
    if whole.get("version") != 1:
        msg = f"its version is {whole.get('version')!r:.40}, not 1"
        raise MalformedObservationError(msg)
    losses = None
    if whole.get("resume") is not None:
        losses = tuple(_losses(_mapping(whole["resume"], "resume").get("losses")))
    return Observation(
        state=_tree(whole, "the observation"),
        aliases=tuple(
            tuple(
                _text(path, "a path of aliases") for path in _sequence(group, "a group of aliases")
            )
            for group in _sequence(whole.get("aliases", []), "aliases")
        ),
        forward=None if whole.get("forward") is None else _tree(whole["forward"], "forward"),
        losses=losses,
    )


def _tree(value: object, name: str) -> Tree:
    fields = _mapping(value, name)
    leaves = tuple(
        _leaf(leaf, None) for leaf in _sequence(fields.get("leaves"), f"the leaves of {name}")
    )
    if fields.get("more") is None:
        return Tree(leaves=leaves)
    more = _mapping(fields["more"], f"more of {name}")
    beyond = more.get("count")
    if not isinstance(beyond, int) or isinstance(beyond, bool) or beyond < 0:
        msg = f"more of {name} has no count"
        raise MalformedObservationError(msg)
    return Tree(
        leaves=leaves,
        beyond=beyond,
        digest=_text(more.get("sha256"), f"the digest of more of {name}"),
        chunks=tuple(
            _text(chunk, "a chunk") for chunk in _sequence(more.get("chunks"), f"chunks of {name}")
        ),
    )


def _leaf(value: object, path: str | None) -> Leaf:
    fields = dict(_mapping(value, "a leaf"))
    own = _text(fields.pop("path", path), "the path of a leaf")
    kind = _text(fields.pop("type", None), f"the type of {own!r:.80}")
    parts = _mapping(fields.pop("parts", None) or {}, f"the parts of {own!r:.80}")
    params = _mapping(fields.pop("params", None) or {}, f"the params of {own!r:.80}")
    return Leaf(
        path=own,
        type=kind,
        fields=fields,
        parts={name: _leaf(part, f"{own}.{name}") for name, part in parts.items()},
        params=params,
    )


def _with_parts(leaf: Leaf) -> Iterator[Leaf]:
    yield leaf
    for part in leaf.parts.values():
        yield from _with_parts(part)


def _losses(value: object) -> Iterator[float]:
    for loss in _sequence(value, "losses"):
        read = number(loss)
        if read is None or isinstance(read, complex):
            msg = f"a loss is {loss!r:.40}, not a number"
            raise MalformedObservationError(msg)
        yield read


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        msg = f"{name} is not an object"
        raise MalformedObservationError(msg)
    return value


def _sequence(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        msg = f"{name} is not a list"
        raise MalformedObservationError(msg)
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        msg = f"{name} is not a text"
        raise MalformedObservationError(msg)
    return value
