"""State saved on devices that the consumer may not have.

Where this machine has no such device, the tensors stay on the CPU and only their storages are
tagged, through the hook that torch has for other devices: the file is what a machine with the
device writes.
"""

import contextlib

from ckptcell import inputs, steps
from ckptcell.cases.base import Case
from ckptcell.tensor_bytes import storage_of

__all__ = [
    "CudaOptimizer",
    "CudaOtherIndex",
    "CudaStateDict",
    "HpuStateDict",
    "MpsStateDict",
    "MtiaStateDict",
    "NpuStateDict",
    "XpuStateDict",
]

# Every optimizer imports it when it is made, since torch 2.0.
IMPORTS = ("torch._dynamo",)


@contextlib.contextmanager
def _tagged(tensors, tag):
    """Meanwhile the storages of these tensors are written as if they were on a device."""
    import torch

    registry = torch.serialization._package_registry  # noqa: SLF001 - register has no opposite
    before = list(registry)
    places = {storage[0] for storage in map(storage_of, tensors) if storage is not None}

    def tagger(storage):
        return tag if storage.data_ptr() in places else None

    torch.serialization.register_package(0, tagger, lambda *_: None)
    try:
        yield
    finally:
        registry[:] = before


class _Elsewhere(Case):
    """A state dict whose tensors were on another device; ``tag`` is how torch names it."""

    family = "device"
    state_is_all = True
    tag = ""

    def make(self):
        return inputs.fill(steps.network(self.device)).state_dict()

    def tensors(self, obj):
        """Those of them that were on the device."""
        return list(obj.values())

    def save(self, path):
        import torch

        obj = self.make()
        if self.device == self.tag:
            torch.save(obj, path)
            return obj
        with _tagged(self.tensors(obj), self.tag):
            torch.save(obj, path)
        return obj


class CudaStateDict(_Elsewhere):
    """The most frequent question of all: trained on a GPU, used without.

    ourownstory/neural_prophet#1473.
    """

    name = "cuda_state_dict"
    title = "State dict saved on a GPU"
    tag = "cuda:0"


class CudaOtherIndex(_Elsewhere):
    """From the second GPU of its machine."""

    name = "cuda_other_index"
    title = "State dict saved on the GPU with index 1"
    tag = "cuda:1"


class CudaOptimizer(_Elsewhere):
    """Moments on the GPU beside counts of steps on the CPU."""

    name = "cuda_optimizer"
    title = "Model and Adam saved on a GPU, continued for three steps"
    modes = ("plain", "mapped", "restricted", "trusted")
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}
    tag = "cuda:0"

    def build(self):
        """Model, optimizer and no scheduler before any training."""
        import torch

        model = steps.network(self.device)
        return model, torch.optim.Adam(model.parameters(), lr=0.05), None

    def make(self):
        model, optimizer, _ = self.build()
        steps.train(model, optimizer, 2)
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

    def tensors(self, obj):
        states = obj["optimizer"]["state"].values()
        moments = [state[name] for state in states for name in ("exp_avg", "exp_avg_sq")]
        return list(obj["model"].values()) + moments

    def resume(self, obj):
        return steps.continued(obj, self.build)


class MpsStateDict(_Elsewhere):
    """From a Mac's graphics processor, whose tag older versions do not know."""

    name = "mps_state_dict"
    title = "State dict saved on Apple's mps device"
    needs = ("torch.backends.mps",)
    tag = "mps"

    def make(self):
        # That device has no double precision.
        return {name: value.float() for name, value in super(MpsStateDict, self).make().items()}


class HpuStateDict(_Elsewhere):
    """From a device whose module a package brings."""

    name = "hpu_state_dict"
    title = "State dict saved on an hpu device"
    tag = "hpu"


class XpuStateDict(_Elsewhere):
    """From an Intel GPU, which torch itself knows since 2.4."""

    name = "xpu_state_dict"
    title = "State dict saved on an xpu device"
    needs = ("torch.xpu",)
    tag = "xpu:0"


class MtiaStateDict(_Elsewhere):
    """From an accelerator of Meta's: not every torch that has torch.mtia reads the tag."""

    name = "mtia_state_dict"
    title = "State dict saved on an mtia device"
    modes = ("plain", "mapped")
    needs = ("torch.mtia",)
    tag = "mtia:0"


class NpuStateDict(_Elsewhere):
    """From a device no version knows unless its plug-in is imported."""

    name = "npu_state_dict"
    title = "State dict saved on an npu device, by a plug-in"
    tag = "npu:0"
