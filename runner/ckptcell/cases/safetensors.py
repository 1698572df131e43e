"""Files of safetensors, which hold tensors and no pickle."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["SafetensorsAsCheckpoint", "SafetensorsFile", "SafetensorsFloat8"]


class _Safetensors(Case):
    """A dict of tensors saved and loaded by the safetensors library."""

    family = "safetensors"
    format = "safetensors"
    filename = "checkpoint.safetensors"
    needs = ("safetensors.torch.save_file",)
    loader = ("safetensors.torch.load_file",)

    def save(self, path):
        from safetensors.torch import save_file  # type: ignore[import-not-found]

        state = self.make()
        save_file(state, path)
        return state

    def load(self, path, mode):
        from safetensors.torch import load_file

        return load_file(path) if mode == "plain" else load_file(path, device=self.device)

    def observe(self, obj):
        from ckptcell import observe

        # The file has an order of its own, by dtype and name.
        return observe.observe({name: obj[name] for name in sorted(obj)})


class SafetensorsFile(_Safetensors):
    """The dtypes every version of the library has."""

    name = "safetensors_file"
    title = "State dict in a file of safetensors"

    def make(self):
        import torch

        kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64)
        return {
            str(kind).split(".")[1]: inputs.numbers(2, 3, dtype=kind, device=self.device)
            for kind in kinds
        }


class SafetensorsFloat8(_Safetensors):
    """In the format since safetensors 0.4; older libraries do not know the dtype's name."""

    name = "safetensors_float8"
    title = "float8 tensors in a file of safetensors"
    needs = ("safetensors.torch.save_file", "torch.float8_e4m3fn", "torch.float8_e5m2")

    def make(self):
        import torch

        return {
            str(kind).split(".")[1]: inputs.numbers(2, 3, dtype=kind, device=self.device)
            for kind in (torch.float8_e4m3fn, torch.float8_e5m2)
        }


class SafetensorsAsCheckpoint(Case):
    """The same file given to ``torch.load``, which takes it since torch 2.13 (pytorch#170592)."""

    name = "safetensors_as_checkpoint"
    family = "user-mistakes"
    title = "File of safetensors loaded by torch.load"
    modes = ("plain", "trusted")
    filename = "checkpoint.safetensors"
    needs = ("safetensors.torch.save_file",)

    def save(self, path):
        from safetensors.torch import save_file

        state = {"weight": inputs.numbers(3, 4, device=self.device)}
        save_file(state, path)
        return state
