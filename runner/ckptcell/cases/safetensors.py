"""Files of safetensors, which hold tensors and no pickle."""

from ckptcell import inputs
from ckptcell.cases.base import Case, Unsupported

__all__ = [
    "SafetensorsAsCheckpoint",
    "SafetensorsAsCheckpointLong",
    "SafetensorsE8m0",
    "SafetensorsFile",
    "SafetensorsFloat8",
    "SafetensorsFnuz",
    "SafetensorsWithoutLibrary",
]


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
    """In the format since safetensors 0.4.3; older libraries do not know the dtypes' names."""

    name = "safetensors_float8"
    title = "float8 tensors in a file of safetensors"
    needs = ("safetensors.torch.save_file", "torch.float8_e4m3fn", "torch.float8_e5m2")

    def kinds(self):
        """The dtypes of the tensors."""
        import torch

        return (torch.float8_e4m3fn, torch.float8_e5m2)

    def values(self, kind):
        """A tensor of one of them."""
        return inputs.numbers(2, 3, dtype=kind, device=self.device)

    def make(self):
        from safetensors.torch import _SIZE

        for kind in self.kinds():
            if kind not in _SIZE:
                msg = "this safetensors has no {}".format(kind)
                raise Unsupported(msg)
        return {str(kind).split(".")[1]: self.values(kind) for kind in self.kinds()}


class SafetensorsE8m0(SafetensorsFloat8):
    """The scales of microscaling formats: powers of two, in the format since safetensors 0.6."""

    name = "safetensors_e8m0"
    title = "float8_e8m0fnu tensors in a file of safetensors"
    needs = ("safetensors.torch.save_file", "torch.float8_e8m0fnu")

    def kinds(self):
        import torch

        return (torch.float8_e8m0fnu,)

    def values(self, kind):
        import torch

        return torch.tensor([0.25, 0.5, 1.0, 2.0, 4.0, 8.0], device=self.device).to(kind)


class SafetensorsFnuz(SafetensorsFloat8):
    """The float8 of other processors, in the format since safetensors 0.8."""

    name = "safetensors_fnuz"
    title = "float8 tensors without negative zero in a file of safetensors"
    needs = ("safetensors.torch.save_file", "torch.float8_e4m3fnuz", "torch.float8_e5m2fnuz")

    def kinds(self):
        import torch

        return (torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)


class SafetensorsWithoutLibrary(SafetensorsFile):
    """Loaded wherever torch is: the library, and packaging which it imports, may not be there."""

    name = "safetensors_without_library"
    title = "File of safetensors, loaded whether or not its library is installed"
    modes = ("plain",)
    loader = ()


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


class SafetensorsAsCheckpointLong(SafetensorsAsCheckpoint):
    """With a header of 264 bytes.

    The file begins with that length, of which ``torch.load`` takes the lowest byte for an
    instruction of a pickle: here one that is no letter.
    """

    name = "safetensors_as_checkpoint_long"
    title = "File of safetensors with a longer header, loaded by torch.load"

    def save(self, path):
        from safetensors.torch import save_file

        state = {"weight": inputs.numbers(3, 4, device=self.device)}
        for length in range(0, 300, 4):
            save_file(state, path, metadata={"format": "pt", "note": "." * length})
            with open(path, "rb") as file:
                if file.read(2) == b"\x08\x01":
                    break
        return state
