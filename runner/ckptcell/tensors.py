"""Facts about one tensor of any kind, the same facts in every version of torch.

A tensor that is more than numbers in strides is taken apart: its components are tensors of their
own under ``parts``, and its digest is made of theirs.
"""

import contextlib
import hashlib

from ckptcell import canonical
from ckptcell.encoding import class_name, integer, number
from ckptcell.tensor_bytes import chunks, fits, storage_of, values

__all__ = ["describe", "storage_key"]

#: Components of a nested tensor listed one by one; all of them enter its digest.
COMPONENTS = 64

_COMPRESSED = {
    "torch.sparse_csr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_bsr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_csc": ("ccol_indices", "row_indices", "values"),
    "torch.sparse_bsc": ("ccol_indices", "row_indices", "values"),
}


def describe(tensor, limit=16):
    """Facts about a tensor.

    Args:
        tensor: Any ``torch.Tensor``. It is not changed.
        limit: Most elements whose values are listed.

    Returns:
        The fields of a leaf but its path and role. ``type`` is ``tensor``, or ``unobservable``
        for a kind this program does not know.
    """
    import torch

    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        # A subclass's own __torch_function__ is code of the checkpoint: facts are taken past it.
        for name in ("DisableTorchFunctionSubclass", "DisableTorchFunction"):
            if hasattr(torch._C, name):  # noqa: SLF001 - has no public name in older versions
                stack.enter_context(getattr(torch._C, name)())  # noqa: SLF001 - as above
                break
        return _describe(tensor, limit)


def storage_key(tensor):
    """What tensors that share memory have in common, or None for one that has no memory."""
    if str(tensor.layout) != "torch.strided" or getattr(tensor, "is_nested", False):
        return None
    if tensor.device.type == "meta" or _is_lazy(tensor) or _is_wrapper(tensor):
        return None
    storage = storage_of(tensor)
    if storage is None or not storage[0] or not storage[1]:
        return None
    return str(tensor.device), storage[0]


def _describe(tensor, limit):  # noqa: PLR0911 - one return a kind
    leaf = {
        "type": "tensor",
        "class": class_name(type(tensor)),
        "dtype": str(tensor.dtype),
        "layout": str(tensor.layout),
        "device": str(tensor.device),
        "requires_grad": bool(tensor.requires_grad),
        "conj": False,
        "neg": False,
    }
    if _is_lazy(tensor):
        leaf.update(shape=[], params={"uninitialized": True})
        return leaf
    nested = bool(getattr(tensor, "is_nested", False))
    leaf["shape"] = _nested_shape(tensor) if nested else [int(size) for size in tensor.shape]
    if nested:
        return _compound(leaf, limit, *_nested(tensor))
    if _is_wrapper(tensor):
        placed = getattr(tensor, "placements", None)
        # How a DTensor is spread over its mesh.
        spread = {"placements": [str(each) for each in placed]} if type(placed) is tuple else {}
        return _compound(leaf, limit, _components(tensor), spread)
    if tensor.device.type == "meta":
        return leaf
    if leaf["layout"] == "torch.sparse_coo":
        # indices() and values() refuse an uncoalesced tensor, and coalescing would change it.
        indices, values_of = tensor._indices(), tensor._values()  # noqa: SLF001 - see above
        parts = {"indices": indices, "values": values_of}
        params = {
            "coalesced": bool(tensor.is_coalesced()),
            "sparse_dim": int(tensor.sparse_dim()),
            "dense_dim": int(tensor.dense_dim()),
        }
        return _compound(leaf, limit, parts, params)
    if leaf["layout"] in _COMPRESSED:
        names = _COMPRESSED[leaf["layout"]]
        return _compound(leaf, limit, {name: getattr(tensor, name)() for name in names}, {})
    if leaf["layout"] == "torch._mkldnn":
        return _strided(leaf, tensor.to_dense(), limit)
    if leaf["layout"] != "torch.strided":
        return _unobservable(leaf, "layout")
    leaf["stride_order"] = _stride_order(tensor)
    if getattr(tensor, "is_quantized", False):
        return _compound(leaf, limit, *_quantized(tensor))
    return _strided(leaf, tensor, limit)


def _unobservable(leaf, note):
    return {"type": "unobservable", "class": leaf["class"], "note": note}


def _strided(leaf, tensor, limit):
    plain = tensor.detach()
    if not fits(plain):
        return _unobservable(leaf, "storage is shorter than the shape")
    for flag in ("conj", "neg"):
        leaf[flag] = bool(getattr(plain, "is_" + flag, bool)())
    for flag in ("conj", "neg"):
        if leaf[flag]:
            plain = getattr(plain, "resolve_" + flag)()
    if plain.device.type != "cpu":
        plain = plain.cpu()
    sha256 = hashlib.sha256()
    few = plain.numel() <= limit
    raw = b""
    for chunk in chunks(plain):
        sha256.update(chunk)
        if few:
            raw += chunk.raw
    leaf["sha256"] = sha256.hexdigest()
    if few:
        leaf["values"] = values(raw, leaf["dtype"], plain.element_size())
    return leaf


def _compound(leaf, limit, parts, params):
    """A tensor made of tensors; ``params`` are its own facts beside them."""
    described = {name: _describe(part, limit) for name, part in parts.items()}
    if not described or any(part["type"] != "tensor" for part in described.values()):
        return _unobservable(leaf, "components")
    leaf["sha256"] = canonical.digest(
        {
            name: [part["dtype"], part["shape"], part.get("sha256")]
            for name, part in described.items()
        }
    )
    leaf["params"] = dict(params)
    if len(described) > COMPONENTS:
        leaf["params"]["components"] = len(described)
        described = {name: described[name] for name in list(described)[:COMPONENTS]}
    leaf["parts"] = described
    return leaf


def _stride_order(tensor):
    if tensor.numel() == 0:
        return []
    strides = tensor.stride()
    wide = [index for index, size in enumerate(tensor.shape) if size > 1]
    return sorted(wide, key=lambda index: (-strides[index], index))


def _quantized(tensor):
    scheme = str(tensor.qscheme())
    params: dict = {"qscheme": scheme}
    parts = {"values": tensor.int_repr()}
    if scheme.startswith("torch.per_tensor"):
        params["scale"] = number(tensor.q_scale())
        params["zero_point"] = integer(tensor.q_zero_point())
    else:
        params["axis"] = int(tensor.q_per_channel_axis())
        parts["scales"] = tensor.q_per_channel_scales()
        parts["zero_points"] = tensor.q_per_channel_zero_points()
    return parts, params


def _nested_shape(tensor):
    """The shape, with ``*`` for dimensions that differ between the components."""
    shape = []
    for index in range(tensor.dim()):
        try:
            size = tensor.size(index)
        except RuntimeError:
            size = None
        # A ragged dimension of a jagged tensor is a symbol that is only equal to itself.
        shape.append(size if type(size) is int else "*")
    return shape


def _nested(tensor):
    if str(tensor.layout) != "torch.jagged":
        return {str(index): part for index, part in enumerate(tensor.unbind())}, {}
    # The components as they are: values() of a jagged tensor is an operation on it.
    parts = {name: getattr(tensor, "_" + name, None) for name in ("values", "offsets", "lengths")}
    parts = {name: part for name, part in parts.items() if part is not None}
    return parts, {"ragged": int(getattr(tensor, "_ragged_idx", 1))}


def _is_lazy(tensor):
    import torch

    # Torch 1.8 has the parameter, and not yet what it shares with lazy buffers.
    kinds = ("UninitializedTensorMixin", "UninitializedParameter")
    return any(isinstance(tensor, getattr(torch.nn.parameter, kind, ())) for kind in kinds)


def _is_wrapper(tensor):
    """Whether its numbers are in other tensors: a subclass with its own ``__torch_dispatch__``."""
    import torch

    kind = type(tensor)
    if hasattr(kind, "__tensor_flatten__"):
        return True
    plain = getattr(torch.Tensor, "__torch_dispatch__", None)
    return getattr(kind, "__torch_dispatch__", None) is not plain


def _components(tensor):
    import torch

    if hasattr(type(tensor), "__tensor_flatten__"):
        named = {name: getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]}
        # Since torch 2.13 those of a DTensor include the mesh it lies on.
        return {name: part for name, part in named.items() if isinstance(part, torch.Tensor)}
    fields = getattr(tensor, "__dict__", {})
    return {name: fields[name] for name in sorted(fields) if isinstance(fields[name], torch.Tensor)}
