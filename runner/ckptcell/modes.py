"""Which call each mode makes, and which modes apply to a format.

``MODES`` is a literal: the orchestrator reads it with ``ast`` to plan loads.
"""

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
    # torch.jit.load(f); mapped map_location=device.
    "torchscript": ("plain", "mapped"),
}


def torch_load(path, mode, device):
    """``torch.load`` as ``mode`` says; a cure that is about the object loads it mapped.

    Raises:
        ModeMissing: This torch has no such parameter.
    """
    import torch

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


def jit_load(path, mode, device):
    """``torch.jit.load`` as ``mode`` says."""
    import torch

    if mode == "plain":
        return torch.jit.load(path)
    return torch.jit.load(path, map_location=device)
