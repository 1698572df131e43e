"""Which call each mode makes, and which modes apply to a format.

``MODES`` is a literal: the orchestrator reads it with ``ast`` to plan loads.
"""

import importlib
import inspect

from ckptcell.errors import ModeMissing

__all__ = ["MODES", "jit_load", "torch_load"]

# In rising trust. A mode that is not listed does not apply to the format and is not planned.
MODES = {
    # torch.load of a zip file: plain torch.load(f); mapped map_location=device; restricted
    # weights_only=True, mapped; mmap mmap=True, mapped; trusted weights_only=False, mapped.
    "pickle": ("plain", "mapped", "restricted", "mmap", "trusted"),
    # The legacy stream cannot be memory-mapped in any version.
    "legacy": ("plain", "mapped", "restricted", "trusted"),
    # Nor can the tar file that came before it.
    "tar": ("plain", "mapped", "restricted", "trusted"),
    # pickle.load(f), which has no modes.
    "python_pickle": ("plain",),
    # torch.jit.load(f); mapped map_location=device.
    "torchscript": ("plain", "mapped"),
    # torch.export.load(f); there is no map_location.
    "export": ("plain",),
    # torch.package.PackageImporter(f).load_pickle; mapped map_location=device.
    "package": ("plain", "mapped"),
    # safetensors.torch.load_file(f); mapped device=device.
    "safetensors": ("plain", "mapped"),
    # The whole of a folder of torch.distributed.checkpoint, read in one process.
    "dcp": ("plain",),
}


def torch_load(path, mode, device):
    """``torch.load`` as ``mode`` says; a cure that is about the object loads it mapped.

    ``allowlisted`` is ``restricted`` with all the file asks for declared safe: what people do who
    trust a file and want no more than what it names (torch 2.6 release notes).

    Raises:
        ModeMissing: This torch has no such parameter, or no list of safe globals.
        Exception: Whatever ``torch.load`` raises, or finding what ``allowlisted`` declares safe.
    """
    import torch

    if mode == "allowlisted":
        return _load_allowlisted(path, device)
    parameters = inspect.signature(torch.load).parameters
    kwargs = {}
    if mode != "plain":
        kwargs["map_location"] = device
    if mode == "restricted":
        if "weights_only" not in parameters:
            msg = "torch.load has no weights_only"
            raise ModeMissing(msg)
        kwargs["weights_only"] = True
    if mode == "mmap":
        if "mmap" not in parameters:
            msg = "torch.load has no mmap"
            raise ModeMissing(msg)
        kwargs["mmap"] = True
    if mode == "trusted" and "weights_only" in parameters:
        kwargs["weights_only"] = False
    return torch.load(path, **kwargs)


def _load_allowlisted(path, device):
    import torch

    unsafe_globals = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)
    safe_globals = getattr(torch.serialization, "safe_globals", None)
    if unsafe_globals is None or safe_globals is None:
        msg = "torch.load has no weights_only with globals declared safe"
        raise ModeMissing(msg)
    # By the names the file uses: a class may have moved and say another one of itself.
    named = [(_global(name), name) for name in sorted(unsafe_globals(path))]
    names = {name for _, name in named}
    with safe_globals(named + (_numpy_dtypes() if "numpy.dtype" in names else [])):
        return torch.load(path, map_location=device, weights_only=True)


def _numpy_dtypes():
    """Classes of NumPy's dtypes: weights_only asks for those that ``numpy.dtype`` makes.

    Source: the words with which torch 2.6 and 2.13 refuse ``numpy.dtypes.Float64DType``.
    """
    numpy = importlib.import_module("numpy")
    return sorted({type(numpy.dtype(code)) for code in numpy.typecodes["All"]}, key=str)


def _global(dotted):
    """What a pickle means by a global of that name."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def jit_load(path, mode, device):
    """``torch.jit.load`` as ``mode`` says."""
    import torch

    if mode == "plain":
        return torch.jit.load(path)
    return torch.jit.load(path, map_location=device)
