"""What the safetensors library refuses, and what people do about it."""

import os

from ckptcell import cures, inputs
from ckptcell.cases.base import Case
from ckptcell.whole import WholeModule

__all__ = [
    "SafetensorsComplex",
    "SafetensorsComplexAsReal",
    "SafetensorsContiguous",
    "SafetensorsNoncontiguous",
    "SafetensorsOfCheckpoint",
    "SafetensorsSavedModel",
    "SafetensorsSavedModelKeys",
    "SafetensorsShared",
    "SafetensorsTruncated",
]


class _Library(Case):
    """What is given to the library's own functions; modes say nothing more."""

    format = "safetensors"
    modes = ("plain",)
    filename = "checkpoint.safetensors"
    needs = ("safetensors.torch.save_file",)
    loader = ("safetensors.torch.load_file",)

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device)}

    def save(self, path):
        from safetensors.torch import save_file  # type: ignore[import-not-found]

        state = self.make()
        save_file(state, path)
        return state

    def load(self, path, mode):  # noqa: ARG002 - there is one
        from safetensors.torch import load_file

        return load_file(path)


class _Tied(WholeModule, _Library):
    """A model whose last layer has the weight of its first one."""

    def build(self):
        import torch

        model = torch.nn.Sequential(
            torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4, bias=False)
        )
        model[2].weight = model[0].weight
        return model

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class SafetensorsShared(_Tied):
    """``save_file`` of its state dict: the format has no tensors that share memory."""

    name = "safetensors_shared"
    family = "user-mistakes"
    title = "State dict with tied weights given to safetensors.torch.save_file"
    expect = {"verdict": "failed", "reasons": ["save_error"]}

    def save(self, path):
        from safetensors.torch import save_file

        model = self.make()
        save_file(model.state_dict(), path)
        return model


class SafetensorsSavedModel(_Tied):
    """``save_model`` writes one of the two, and ``load_model`` knows."""

    name = "safetensors_saved_model"
    family = "safetensors"
    title = "Model with tied weights saved by save_model and loaded by load_model"
    needs = ("safetensors.torch.save_model",)
    loader = ("safetensors.torch.load_model",)
    variant_of = "safetensors_shared"
    cure = "save_model"

    def save(self, path):
        from safetensors.torch import save_model

        model = self.make()
        save_model(model, path)
        return model

    def load(self, path, mode):  # noqa: ARG002 - it loads into a model that is there
        from safetensors.torch import load_model

        model = self.build().eval()
        load_model(model, path)
        return model


class SafetensorsSavedModelKeys(SafetensorsSavedModel):
    """The same file loaded as a dict: ``load_state_dict`` misses the name that was left out."""

    name = "safetensors_saved_model_keys"
    family = "user-mistakes"
    title = "Model with tied weights saved by save_model and loaded by load_state_dict"
    cures = ("partial",)
    variant_of = ""
    cure = ""
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def load(self, path, mode):
        from safetensors.torch import load_file

        model = self.build().eval()
        cures.load_into(model, load_file(path), mode)
        return model


class SafetensorsNoncontiguous(_Library):
    """A transposed view: the format has no strides."""

    name = "safetensors_noncontiguous"
    family = "user-mistakes"
    title = "Transposed tensor given to safetensors.torch.save_file"
    expect = {"verdict": "failed", "reasons": ["save_error"]}

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device).t()}


class SafetensorsContiguous(SafetensorsNoncontiguous):
    """The same values in a row."""

    name = "safetensors_contiguous"
    family = "safetensors"
    title = "Transposed tensor made contiguous for safetensors.torch.save_file"
    variant_of = "safetensors_noncontiguous"
    cure = "materialised"
    expect = {}

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device).t().contiguous()}


class SafetensorsComplex(_Library):
    """A dtype that the format does not have."""

    name = "safetensors_complex"
    family = "user-mistakes"
    title = "complex128 tensor given to safetensors.torch.save_file"
    expect = {"verdict": "failed", "reasons": ["save_error"]}

    def make(self):
        import torch

        return {"weight": inputs.numbers(3, 4, device=self.device).to(torch.complex128)}


class SafetensorsComplexAsReal(SafetensorsComplex):
    """Its real and imaginary parts, in float64."""

    name = "safetensors_complex_as_real"
    family = "safetensors"
    title = "complex128 tensor as two real ones in a file of safetensors"
    variant_of = "safetensors_complex"
    cure = "plain_values"
    expect = {}

    def make(self):
        import torch

        state = super(SafetensorsComplexAsReal, self).make()
        return {name: torch.view_as_real(value).contiguous() for name, value in state.items()}


class SafetensorsTruncated(_Library):
    """A copy that ended early: the header says how long the file is."""

    name = "safetensors_truncated"
    family = "damage"
    title = "File of safetensors that ends ten bytes early"
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}

    def save(self, path):
        state = super(SafetensorsTruncated, self).save(path)
        os.truncate(path, os.path.getsize(path) - 10)
        return state


class SafetensorsOfCheckpoint(_Library):
    """What ``torch.save`` wrote: its first letters are taken for the length of a header."""

    name = "safetensors_of_checkpoint"
    family = "user-mistakes"
    title = "Checkpoint of torch.save loaded by safetensors.torch.load_file"
    needs = ()
    expect = {"verdict": "failed", "reasons": ["format_unsupported"]}

    def save(self, path):
        import torch

        state = {"embedding": inputs.numbers(5, 2, device=self.device)}
        torch.save(state, path)
        return state
