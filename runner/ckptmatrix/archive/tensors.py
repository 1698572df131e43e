"""The functions with which torch rebuilds tensors and storages, understood without calling them.

They are those of ``torch/_utils.py``, ``torch/_tensor.py`` and ``torch/storage.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.dtypes import STORAGE_DTYPES, UNTYPED, width_of
from ckptmatrix.archive.nodes import Made, Mapping, Name, Node, Persistent, dotted_name
from ckptmatrix.archive.reading import TensorEntry

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Storage", "extent_of", "is_tensor", "sizes_of", "storage_of", "tensor_of"]

_DEEPEST = 8
_MOST_DIMENSIONS = 64
_MOST_PARTS = 8
_LONGEST_LAYOUT = 100


@dataclass(frozen=True)
class Storage:
    """What a persistent id says of a storage.

    Attributes:
        key: Its name in the file.
        dtype: ``torch.float32``; ``bytes`` for one that does not know.
        device: As the file says.
        elements: How many.
        width: Bytes of an element, or None when the type is not known here.
    """

    key: str
    dtype: str
    device: str
    elements: int
    width: int | None

    @property
    def bytes(self) -> int:
        """How many, 0 when the type is not known here."""
        return self.elements * (self.width or 0)


def storage_of(node: Node) -> Storage | None:
    """The storage that a persistent id stands for."""
    match node:
        case Persistent(
            id=(
                "storage",
                Name() as kind,
                str() | int() as key,
                str() as device,
                int() as count,
                *_,
            )
        ) if count >= 0:
            dtype = _dtype_of_class(kind)
            return Storage(str(key), dtype, device, count, width_of(dtype))
        case Made(of=Name(name="TypedStorage" | "_TypedStorage" | "_load_from_bytes")):
            return _typed_storage(node)
        case _:
            return None


def _typed_storage(node: Made) -> Storage | None:
    """A storage that was pickled as an object: an untyped one and its type."""
    if isinstance(node.arguments, tuple):
        for inner in node.arguments:
            if isinstance(inner, Persistent):
                return storage_of(inner)
    return None


def _dtype_of_class(kind: Name) -> str:
    if kind.name in UNTYPED:
        return "bytes"
    known = STORAGE_DTYPES.get(kind.name)
    if known is not None and kind.module.split(".")[0] == "torch":
        return known
    return kind.dotted


def sizes_of(node: Node) -> tuple[int, ...]:
    """A tuple of whole numbers: ``torch.Size``, or a plain one."""
    if isinstance(node, Made):
        node = node.arguments[0] if isinstance(node.arguments, tuple) and node.arguments else ()
    if not isinstance(node, tuple | list) or len(node) > _MOST_DIMENSIONS:
        return ()
    return tuple(each for each in node if type(each) is int)


def _dtype(node: Node) -> str:
    """A dtype: ``torch.float8_e5m2`` is looked up as a global."""
    return dotted_name(node) if isinstance(node, Name) else ""


def _device(node: Node) -> str:
    """``torch.device('cuda', 0)`` as torch writes it, or a text."""
    if isinstance(node, Made) and dotted_name(node.of) == "torch.device":
        return ":".join(str(each) for each in node.arguments if isinstance(each, str | int))
    return node if isinstance(node, str) else "cpu"


def _flag(node: Node) -> bool | None:
    return node if isinstance(node, bool) else None


def _strided(
    name: str, storage: Node, size: Node, *, dtype: str = "", requires_grad: Node = None
) -> TensorEntry:
    known = storage_of(storage)
    return TensorEntry(
        path="",
        dtype=dtype or (known.dtype if known else ""),
        shape=sizes_of(size),
        device=known.device if known else "cpu",
        storage=known.key if known else "",
        rebuild=name,
        requires_grad=_flag(requires_grad),
    )


def _tensor(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return _strided(name, arguments[0], arguments[2])


def _tensor_v2(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return _strided(name, arguments[0], arguments[2], requires_grad=arguments[4])


def _tensor_v3(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return _strided(
        name, arguments[0], arguments[2], dtype=_dtype(arguments[6]), requires_grad=arguments[4]
    )


def _quantized(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return _strided(name, arguments[0], arguments[2], requires_grad=arguments[5])


def _parameter(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry | None:
    inner = _tensor_of(arguments[0], depth + 1)
    if inner is None:
        return None
    return replace(inner, rebuild=name, requires_grad=_flag(arguments[1]))


def _sparse(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry | None:
    parts = arguments[1]
    if depth > _DEEPEST - 1 or not isinstance(parts, tuple) or len(parts) > _MOST_PARTS:
        return None
    # Its parts are plain tensors: looking deeper would cost a hostile file's exponent.
    inner = [each for each in (_tensor_of(part, _DEEPEST) for part in parts) if each is not None]
    sizes = [part for part in parts if not is_tensor(part)]
    if not inner:
        return None
    # The values come last of the tensors, in every sparse layout.
    return TensorEntry(
        path="",
        dtype=inner[-1].dtype,
        shape=sizes_of(sizes[0]) if sizes else (),
        device=inner[-1].device,
        storage=inner[-1].storage,
        rebuild=name,
        layout=_layout(arguments[0]),
    )


def _layout(node: Node) -> str:
    """``_get_layout('torch.sparse_coo')``."""
    match node:
        case Made(of=Name(name="_get_layout"), arguments=(str() as layout,)):
            return layout[:_LONGEST_LAYOUT]
        case _:
            return ""


def _nested(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry | None:
    inner = _tensor_of(arguments[0], depth + 1)
    # The sizes of its parts are a tensor themselves: the file says them, its pickle does not.
    return None if inner is None else replace(inner, rebuild=name, shape=(), requires_grad=None)


def _jagged(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry | None:
    if len(arguments) == 1 and isinstance(arguments[0], Mapping):
        for key, value in arguments[0].pairs or ():
            inner = _tensor_of(value, depth + 1) if key == "values" else None
            if inner is not None:
                return replace(inner, rebuild=name, shape=())
        return None
    return _nested(name, arguments, depth)


def _meta(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return TensorEntry(
        path="",
        dtype=_dtype(arguments[0]),
        shape=sizes_of(arguments[1]),
        device="meta",
        rebuild=name,
        requires_grad=_flag(arguments[3]),
    )


def _wrapper(name: str, arguments: tuple[Node, ...], _: int) -> TensorEntry:
    return TensorEntry(
        path="",
        dtype=_dtype(arguments[1]),
        shape=sizes_of(arguments[2]),
        device=_device(arguments[6]),
        rebuild=name,
        requires_grad=_flag(arguments[7]),
    )


def _elsewhere(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry:
    """Of a device whose tensors are kept as those of the CPU, or as NumPy's."""
    inner = _tensor_of(arguments[0], depth + 1)
    return TensorEntry(
        path="",
        dtype=_dtype(arguments[1]),
        shape=inner.shape if inner else _array_shape(arguments[0]),
        device=_device(arguments[2]),
        storage=inner.storage if inner else "",
        rebuild=name,
        requires_grad=_flag(arguments[3]),
    )


def _array_shape(node: Node) -> tuple[int, ...]:
    """Of a pickled NumPy array: the second part of its state."""
    state = node.state if isinstance(node, Made) else None
    return sizes_of(state[1]) if isinstance(state, tuple) and len(state) > 1 else ()


def _subclass(name: str, arguments: tuple[Node, ...], depth: int) -> TensorEntry | None:
    function, inner = arguments[0], arguments[2]
    if not isinstance(function, Name) or not isinstance(inner, tuple):
        return None
    made = _tensor_of(Made(function, inner), depth + 1)
    return None if made is None else replace(made, rebuild=f"{name} {made.rebuild}")


_REBUILD: Final[dict[str, Callable[[str, tuple[Node, ...], int], TensorEntry | None]]] = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor_v2,
    "_rebuild_tensor_v3": _tensor_v3,
    "_rebuild_qtensor": _quantized,
    "_rebuild_parameter": _parameter,
    "_rebuild_parameter_with_state": _parameter,
    "_rebuild_sparse_tensor": _sparse,
    "_rebuild_sparse_csr_tensor": _sparse,
    "_rebuild_nested_tensor": _nested,
    "_rebuild_njt": _jagged,
    # The class itself, as subclasses are rebuilt: how torch 2.1 to 2.4 wrote jagged tensors.
    "NestedTensor": _nested,
    "_rebuild_meta_tensor_no_storage": _meta,
    "_rebuild_wrapper_subclass": _wrapper,
    "_rebuild_device_tensor_from_numpy": _elsewhere,
    "_rebuild_device_tensor_from_cpu_tensor": _elsewhere,
    "_rebuild_xla_tensor": _elsewhere,
    "_rebuild_mlc_tensor": _elsewhere,
    "_rebuild_from_type": _subclass,
    "_rebuild_from_type_v2": _subclass,
}


def is_tensor(node: Node) -> bool:
    """Whether it is made by one of torch's functions that make tensors."""
    return (
        isinstance(node, Made)
        and isinstance(node.of, Name)
        and node.of.name in _REBUILD
        and node.of.module.split(".")[0] == "torch"
    )


def tensor_of(node: Node) -> TensorEntry | None:
    """The tensor that a call makes, without its path; None when it is not understood."""
    return _tensor_of(node, 0)


def _tensor_of(node: Node, depth: int) -> TensorEntry | None:
    if depth > _DEEPEST or not is_tensor(node) or not isinstance(node.arguments, tuple):
        return None
    try:
        return _REBUILD[node.of.name](node.of.name, node.arguments, depth)
    except (IndexError, TypeError):
        # Another number of arguments, or of other kinds, than any torch writes.
        return None


def extent_of(node: Node) -> tuple[int, int] | None:
    """Elements that a strided tensor needs of its storage, and elements that this has.

    None when either cannot be told.
    """
    if not is_tensor(node) or not isinstance(node.arguments, tuple):
        return None
    if node.of.name not in {"_rebuild_tensor", "_rebuild_tensor_v2"}:
        return None
    match node.arguments:
        case (storage, int() as offset, (*_,) as size, (*_,) as stride, *_):
            known = storage_of(storage)
            whole = all(type(each) is int for each in (*size, *stride))
            if known is None or known.dtype == "bytes" or not whole or len(size) != len(stride):
                return None
            if 0 in size:
                return 0, known.elements
            reach = sum((length - 1) * step for length, step in zip(size, stride, strict=True))
            return offset + reach + 1, known.elements
        case _:
            return None
