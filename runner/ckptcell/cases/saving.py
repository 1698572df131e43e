"""Saves that fail: what cannot be pickled, and a disk without room."""

import threading

from ckptcell import inputs
from ckptcell.beside import BesideTensor
from ckptcell.cases.base import Case, Unsupported

__all__ = [
    "PyLambda",
    "PyLambdaAsFunction",
    "SaveDiskFull",
    "SaveGpuRandomState",
    "SaveLocalHook",
    "SaveNamedTensor",
    "SaveNamedTensorAsParts",
    "SaveUnpicklable",
    "warmup",
]

#: A function without a name, as people write what a learning rate is multiplied by.
_WARMUP = {"factor": lambda step: min(1.0, step / 100)}


def warmup(step):
    """The same with a name."""
    return min(1.0, step / 100)


class _Unpicklable(BesideTensor, Case):
    """A dict of a tensor and something no pickle can hold."""

    family = "user-mistakes"
    # Nothing is ever loaded: one mode says so as well as five.
    modes = ("plain",)
    expect = {"verdict": "failed", "reasons": ["unpicklable"]}


class SaveUnpicklable(_Unpicklable):
    """A lock, as loggers, queues and data loaders have one."""

    name = "save_unpicklable"
    title = "Dict with a lock, which cannot be saved"

    def extra(self):
        return {"progress": threading.Lock()}


class PyLambda(_Unpicklable):
    """A pickle has a function by its name, and this one has none."""

    name = "py_lambda"
    family = "python"
    title = "Dict with a lambda, which cannot be saved"

    def extra(self):
        return _WARMUP["factor"]


class PyLambdaAsFunction(Case):
    """The same with a name."""

    name = "py_lambda_as_function"
    family = "python"
    title = "Dict with a function in place of a lambda"
    modes = ("trusted",)
    variant_of = "py_lambda"
    cure = "named_function"

    def make(self):
        return {"weight": inputs.numbers(2, 3, device=self.device), "extra": warmup}


class SaveLocalHook(_Unpicklable):
    """A whole module with a hook that was defined within a function."""

    name = "save_local_hook"
    title = "Whole module with a hook defined in a function, which cannot be saved"

    def make(self):
        import torch

        def remember(module, arguments, output):  # noqa: ARG001 - as torch calls it
            seen.append(output)

        seen = []
        model = inputs.fill(torch.nn.Linear(4, 3)).to(self.device)
        model.register_forward_hook(remember)
        return model


class SaveGpuRandomState(Case):
    """Code written where there is a GPU asks for its random state where there is none."""

    name = "save_gpu_random_state"
    family = "user-mistakes"
    title = "State dict with the random state of a GPU, which is not there"
    # Nothing is ever loaded.
    modes = ("plain",)
    expect = {"verdict": "failed", "reasons": ["device_unavailable"]}

    def make(self):
        import torch

        if torch.cuda.is_available():
            msg = "there is a GPU, whose state can be saved"
            raise Unsupported(msg)
        return {
            "weight": inputs.numbers(2, 3, device=self.device),
            "random": torch.cuda.get_rng_state(),
        }


class SaveNamedTensor(_Unpicklable):
    """Names of dimensions are not written, and torch refuses to lose them (pytorch#25345)."""

    name = "save_named_tensor"
    title = "Tensor with named dimensions, which cannot be saved"
    needs = ("torch.Tensor.refine_names",)

    def make(self):
        return {"weight": inputs.numbers(2, 3, device=self.device).refine_names("batch", "channel")}


class SaveNamedTensorAsParts(Case):
    """The names as texts beside it."""

    name = "save_named_tensor_as_parts"
    family = "tensor"
    title = "Tensor without its names of dimensions, and the names beside it"
    needs = ("torch.Tensor.refine_names",)
    modes = ("plain",)
    variant_of = "save_named_tensor"
    cure = "plain_values"

    def make(self):
        named = inputs.numbers(2, 3, device=self.device).refine_names("batch", "channel")
        return {"weight": named.rename(None), "names": list(named.names)}


class SaveDiskFull(Case):
    """``/dev/full`` is a file on a disk without room."""

    name = "save_disk_full"
    family = "resources"
    title = "State dict saved where there is no room for it"
    modes = ("plain",)
    # From 1.6 to 1.12 torch may die of what its zip writer says on the way out (pytorch#156955).
    expect = {"verdict": "failed", "reasons": ["disk_full", "crashed"]}

    def save(self, path):  # noqa: ARG002 - there is no room there
        import torch

        # More than fits in the buffers that are only written when the file is closed.
        state = {"weight": inputs.numbers(512, 512, device=self.device)}
        try:
            torch.save(state, _FULL)
        except OSError as error:
            # Which disk it was: this machine's own is not full.
            error.filename = _FULL
            raise
        # It took no notice, and there is no file. Whoever looks for it says so.
        return state


#: A file on a disk without room, on every Linux.
_FULL = "/dev/full"
