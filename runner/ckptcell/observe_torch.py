"""Facts about torch's own objects: modules, dtypes, devices, generators, storages."""

import hashlib
import sys

from ckptcell import tensors
from ckptcell.encoding import class_name, integer
from ckptcell.tensor_bytes import chunks

__all__ = ["is_module", "module_parts", "torch_kind"]

_CONSTANTS = ("dtype", "device", "layout", "memory_format", "qscheme")


def torch_kind(obj, role, limit):  # noqa: PLR0911 - one return a kind
    """Facts about an object of torch that is no module, or None for anything else.

    Args:
        obj: Anything.
        role: What a tensor is to its owner: ``tensor``, ``parameter``, ``buffer``; ``program`` for
            a parameter of a TorchScript program.
        limit: Most elements of a tensor whose values are listed.

    Returns:
        The fields of a leaf, and ``(step, child)`` pairs.
    """
    torch = sys.modules.get("torch")
    # A torch whose import is not over, or failed, has made no objects.
    if torch is None or not hasattr(torch, "optim"):
        return None
    if isinstance(obj, torch.Tensor):
        return _tensor(obj, role, limit)
    if isinstance(obj, torch.Size):
        return {"type": "size", "value": [integer(size) for size in obj]}, []
    for name in _CONSTANTS:
        # Some came with torch 1.1 and later.
        if isinstance(obj, getattr(torch, name, ())):
            return {"type": name, "value": str(obj)}, []
    if isinstance(obj, torch.Generator):
        fields = {"type": "generator", "class": "torch.Generator", "value": str(obj.device)}
        return fields, [(".state", obj.get_state())]
    if isinstance(obj, torch.optim.Optimizer):
        fields = {"type": "optimizer", "class": class_name(type(obj))}
        return fields, [(".state_dict()", _numbered(obj.state_dict()))]
    if torch.is_storage(obj) or _is_untyped(torch, obj):
        return _storage(torch, obj), []
    if _is_exported(obj):
        return _exported(obj)
    return None


def _numbered(state):
    """An optimizer's state dict with parameters by number, as they go since torch 1.6."""
    numbers: dict = {}
    for group in state.get("param_groups", ()):
        for name in group["params"]:
            numbers.setdefault(name, len(numbers))
    by_number = {numbers.get(name, name): value for name, value in state["state"].items()}
    groups = [
        dict(group, params=[numbers[name] for name in group["params"]])
        for group in state.get("param_groups", ())
    ]
    return dict(state, state=by_number, param_groups=groups)


def _tensor(tensor, role, limit):
    import torch

    if role == "tensor" and isinstance(tensor, torch.nn.Parameter):
        role = "parameter"
    fields = tensors.describe(tensor, limit)
    if fields["type"] != "tensor":
        return fields, []
    if role == "program":
        # A program that was compiled here hands out the parameters of its origin, a loaded one
        # tensors.
        role = "parameter"
        fields["class"] = "torch.Tensor"
    fields["role"] = role
    own = getattr(tensor, "__dict__", None) or {}
    if role == "buffer" or "parts" in fields:
        return fields, []
    # torch.save keeps what users hang on a tensor; torch's own marks begin with an underscore.
    return fields, [("." + name, own[name]) for name in sorted(own) if not name.startswith("_")]


def _is_exported(obj):
    # Where the class is defined; torch.export hands it on, and is imported with it.
    defined = sys.modules.get("torch.export.exported_program")
    return isinstance(obj, getattr(defined, "ExportedProgram", ()))


def _exported(program):
    """What a program of torch.export holds and takes; its graph shows in what it computes."""
    signature = program.graph_signature
    parts = [
        (".state_dict", dict(program.state_dict)),
        (".constants", dict(getattr(program, "constants", None) or {})),
        (".inputs", [str(name) for name in signature.user_inputs]),
        (".outputs", [str(name) for name in signature.user_outputs]),
    ]
    return {"type": "object", "class": "torch.export.ExportedProgram"}, parts


def _is_untyped(torch, obj):
    storage = getattr(torch, "storage", None)
    return any(
        isinstance(obj, getattr(storage, name, ()))
        for name in ("UntypedStorage", "TypedStorage", "_UntypedStorage", "_TypedStorage")
    )


def _storage(torch, storage):
    dtype = getattr(storage, "dtype", None)
    untyped = storage
    for name in ("_untyped_storage", "_storage"):
        untyped = getattr(untyped, name, untyped)
    tensor = torch.empty(0, dtype=dtype if untyped is storage and dtype else torch.uint8)
    tensor = tensor.to(storage.device)
    tensor.set_(untyped)
    sha256 = hashlib.sha256()
    for chunk in chunks(tensor.cpu()):
        sha256.update(chunk)
    return {
        "type": "storage",
        "dtype": str(dtype),
        "shape": [len(storage)],
        "device": str(storage.device),
        "sha256": sha256.hexdigest(),
    }


def is_module(obj):
    """Whether it is a ``torch.nn.Module`` or a loaded TorchScript program."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "optim") and isinstance(obj, torch.nn.Module)


def module_parts(module):
    """Facts about a module, and what it is made of.

    Returns:
        The fields of a leaf, and ``(name, child, role)`` triples: parameters, buffers (also those
        that are not in its state dict), extra state and submodules, in torch's order.
    """
    import torch

    fields = {"type": "module", "class": _module_class(module), "training": bool(module.training)}
    if isinstance(module, torch.jit.ScriptModule):
        parts = [(name, item, "program") for name, item in module.named_parameters(recurse=False)]
        parts += [(name, item, "buffer") for name, item in module.named_buffers(recurse=False)]
        return fields, parts + [(name, item, "tensor") for name, item in module.named_children()]
    own = vars(module)
    parts = [(name, item, "parameter") for name, item in own.get("_parameters", {}).items()]
    parts += [(name, item, "buffer") for name, item in own.get("_buffers", {}).items()]
    extra = getattr(type(module), "get_extra_state", None)
    if extra is not getattr(torch.nn.Module, "get_extra_state", None):
        parts.append(("get_extra_state()", module.get_extra_state(), "tensor"))
    parts += [(name, item, "tensor") for name, item in own.get("_modules", {}).items()]
    return fields, parts


def _module_class(module):
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        return "torchscript"
    graph = getattr(sys.modules.get("torch.fx"), "GraphModule", ())
    # Each graph module has a class of its own, whose name changed between versions.
    return "torch.fx.GraphModule" if isinstance(module, graph) else class_name(type(module))
