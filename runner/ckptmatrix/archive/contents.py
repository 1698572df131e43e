"""What is in the object that a pickle would make: its class, its keys, its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ckptmatrix.archive.nodes import Blob, Made, Mapping, Name, Node, Persistent, SetOf, dotted_name
from ckptmatrix.archive.tensors import is_tensor, storage_of, tensor_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Lookup

    from ckptmatrix.archive.reading import TensorEntry

__all__ = ["Found", "Tensors", "keys_of", "pairs_of", "root_class", "shown_key", "tensors_in"]

_LONGEST_KEY = 200
_DEEPEST_PATH = 100
_DEEPEST = 1_000
_RECONSTRUCTORS: Final = frozenset(
    {"copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__"}
)
#: Attributes of a module that hold what is reached by ``module.name``.
_MODULE_PARTS: Final = ("_parameters", "_buffers", "_modules")

#: From a container to what is in it: an index, or how the step is written.
Step = int | str
#: Where something is: the place around it, and the step from there.
_Place = tuple[Any, Step]


class Found:
    """A tensor and where it is."""

    __slots__ = ("entry", "node", "path")

    def __init__(self, path: str, node: Node, entry: TensorEntry | None) -> None:
        self.path = path
        self.node = node
        self.entry = entry


class Tensors(NamedTuple):
    """The tensors of an object.

    Attributes:
        found: Those whose facts were worked out.
        total: How many there are in all.
        deep: Whether something lay too deep to be entered.
    """

    found: list[Found]
    total: int
    deep: bool


def shown_key(key: Node) -> str:
    """A key of a dict, as Python writes it; what cannot be written is named by its kind."""
    if key is None or isinstance(key, bool | int | float | str | bytes):
        shown = ascii(key)
        return shown if len(shown) <= _LONGEST_KEY else f"{shown[:_LONGEST_KEY]}…"
    if isinstance(key, tuple) and all(
        each is None or isinstance(each, bool | int | float | str) for each in key
    ):
        shown = ascii(key)
        return shown if len(shown) <= _LONGEST_KEY else f"{shown[:_LONGEST_KEY]}…"
    return f"<{root_class(key) or 'object'}>"


def root_class(node: Node) -> str:
    """Class of an object: ``collections.OrderedDict``; empty when that cannot be told."""
    match node:
        case Mapping():
            name = "dict"
        case SetOf():
            name = "frozenset" if node.frozen else "set"
        case Blob():
            name = node.kind
        case Name():
            name = node.dotted
        case Persistent():
            name = "" if storage_of(node) is None else node.id[1].dotted
        case Made():
            name = _made_class(node)
        case _:
            name = type(node).__name__
    return name


def _made_class(node: Made) -> str:
    if is_tensor(node):
        parameter = node.of.name.startswith("_rebuild_parameter")
        return "torch.nn.parameter.Parameter" if parameter else "torch.Tensor"
    dotted = dotted_name(node.of)
    if dotted in _RECONSTRUCTORS and isinstance(node.arguments, tuple) and node.arguments:
        return dotted_name(node.arguments[0])
    return dotted


def pairs_of(node: Node) -> list[tuple[Node, Node]] | None:
    """Items of a dict or of something like one; None for what is none."""
    if isinstance(node, Mapping):
        return node.pairs or []
    if not isinstance(node, Made) or is_tensor(node):
        return None
    if node.pairs is not None:
        return node.pairs
    name = dotted_name(node.of)
    if not name.endswith(("OrderedDict", "defaultdict")):
        return None
    match node.arguments:
        # Python 2 gave an OrderedDict its items as a list of lists.
        case ([*items],) if all(_is_pair(each) for each in items):
            return [(key, value) for key, value in items]
        case _:
            return []


def _is_pair(node: Node) -> bool:
    match node:
        case [_, _]:
            return True
        case _:
            return False


def keys_of(node: Node, limit: int) -> tuple[str, ...]:
    """Keys of a dict, in order: texts as they are, others as Python writes them."""
    pairs = pairs_of(node) or []
    return tuple(
        key[:_LONGEST_KEY] if isinstance(key, str) else shown_key(key) for key, _ in pairs[:limit]
    )


def tensors_in(root: Node, limit: int, known: Lookup[str, TensorEntry] | None = None) -> Tensors:
    """Every tensor of an object, in order, with where it is.

    A container that is met again is not entered again, nor one that is very deep.

    Args:
        root: The object.
        limit: Of how many tensors the facts and the path are worked out.
        known: Tensors that the pickle only refers to, by their persistent ids as text.
    """
    outside = known or {}
    found: list[Found] = []
    count, deep = 0, False
    met: set[int] = set()
    frames: list[tuple[_Place | None, Iterator[tuple[Step, Node]]]] = [(None, iter([("", root)]))]
    while frames:
        around, children = frames[-1]
        for step, node in children:
            kind = type(node)
            if kind is Made and is_tensor(node):
                count += 1
                if count <= limit:
                    found.append(Found(_path((around, step)), node, tensor_of(node)))
            elif kind is Persistent and type(node.id) in _KEYS and str(node.id) in outside:
                count += 1
                if count <= limit:
                    found.append(Found(_path((around, step)), node, outside[str(node.id)]))
            elif kind in _ENTERED and node and id(node) not in met:
                met.add(id(node))
                if len(frames) < _DEEPEST:
                    frames.append(((around, step), _children(node)))
                    break
                deep = True
        else:
            frames.pop()
    return Tensors(found=found, total=count, deep=deep)


_ENTERED: Final = (list, tuple, Mapping, SetOf, Made)
_KEYS: Final = (int, str)


def _children(node: Node) -> Iterator[tuple[Step, Node]]:
    if isinstance(node, Mapping):
        yield from _entries(node.pairs)
    elif isinstance(node, list | tuple):
        yield from enumerate(node)
    elif isinstance(node, SetOf):
        for index, child in enumerate(node.items):
            yield f"{{{index}}}", child
    elif isinstance(node, Made):
        yield from _parts(node)


def _entries(pairs: list[tuple[Node, Node]] | None) -> Iterator[tuple[Step, Node]]:
    for key, value in pairs or ():
        if type(value) in _ENTERED or type(value) is Persistent:
            yield f"[{shown_key(key)}]", value


def _parts(node: Made) -> Iterator[tuple[Step, Node]]:
    pairs = pairs_of(node)
    if pairs:
        yield from _entries(pairs)
    if node.pairs or not pairs:
        yield from _arguments(node)
    yield from enumerate(node.items or ())
    state = node.state
    if isinstance(state, Mapping):
        yield from _attributes(state)
    elif isinstance(state, tuple):
        for index, part in enumerate(state):
            if isinstance(part, Mapping):
                yield from _attributes(part)
            else:
                yield f"(state {index})", part
    elif state is not None:
        yield "(state)", state


def _arguments(node: Made) -> Iterator[tuple[Step, Node]]:
    match node.of, node.arguments:
        case Name(module="torch.return_types"), ((*items,), *_):
            # Such a tuple with names, what torch.max returns, is made of a plain one.
            yield from enumerate(items)
        case _, (tuple() | list()) as arguments:
            for index, child in enumerate(arguments):
                yield f"({index})", child
        case _:
            return


def _attributes(state: Mapping) -> Iterator[tuple[Step, Node]]:
    pairs = state.pairs or []
    module = {"_parameters", "_modules"} <= {key for key, _ in pairs if isinstance(key, str)}
    for key, value in pairs:
        if module and isinstance(key, str) and key in _MODULE_PARTS:
            for name, part in pairs_of(value) or ():
                yield _attribute(name), part
        else:
            yield _attribute(key), value


def _attribute(name: Node) -> str:
    return f".{name}" if isinstance(name, str) else f"[{shown_key(name)}]"


def _path(place: _Place | None) -> str:
    steps: list[str] = []
    while place is not None and len(steps) < _DEEPEST_PATH:
        place, step = place
        steps.append(f"[{step}]" if isinstance(step, int) else step[: _LONGEST_KEY + 4])
    if place is not None:
        steps.append("…")
    return "".join(reversed(steps))
