"""Whole modules of every day: pickles that name torch's classes and carry their attributes."""

import os

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.torch_save import SavedLegacy
from ckptcell.whole import StateOfModule, WholeModule

__all__ = [
    "ModuleBatchnormTracking",
    "ModuleConvBatchNorm",
    "ModuleConvCircular",
    "ModuleEmbedding",
    "ModuleGelu",
    "ModuleGeluStateDict",
    "ModuleGru",
    "ModuleHalfForward",
    "ModuleLinear",
    "ModuleLinearByEnvironment",
    "ModuleLinearLegacy",
    "ModuleLstm",
]


#: Makes weights_only=False the default again.
_UNRESTRICTED = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class _Module(WholeModule, Case):
    """A module saved whole, and its forward pass in evaluation mode."""

    family = "module"
    cures = ("allowlisted",)
    # A class outside torch's list of safe ones is what weights_only exists to refuse.
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class ModuleLinear(_Module):
    """The smallest module there is."""

    name = "module_linear"
    title = "Whole nn.Linear"

    def build(self):
        import torch

        return torch.nn.Linear(6, 4)

    def example(self, device):
        return inputs.numbers(3, 6, device=device)


class ModuleLinearByEnvironment(ModuleLinear):
    """For code that cannot be changed: a variable that torch asks since 2.6."""

    name = "module_linear_by_environment"
    title = "Whole nn.Linear, loaded with TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1"
    # It counts only where the call itself does not say what it wants.
    modes = ("plain", "restricted")
    cures = ()
    variant_of = "module_linear"
    cure = "environment"

    def load(self, path, mode):
        os.environ[_UNRESTRICTED] = "1"
        try:
            return super(ModuleLinearByEnvironment, self).load(path, mode)
        finally:
            del os.environ[_UNRESTRICTED]


class ModuleLinearLegacy(SavedLegacy, ModuleLinear):
    """The class is looked up in the old release, which may have it otherwise."""

    name = "module_linear_legacy"
    title = "Whole nn.Linear in the legacy stream format"
    format = "legacy"
    modes = None
    # What a file asks for is looked up in a zip file only.
    cures = ()
    variant_of = "module_linear"
    cure = "legacy_format"


class ModuleConvBatchNorm(_Module):
    """Convolution and batch norm, whose attributes and buffers grew over time."""

    name = "module_conv_bn"
    title = "Whole convolution, batch norm and ReLU"

    def build(self):
        import torch

        return torch.nn.Sequential(
            torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.ReLU()
        )

    def example(self, device):
        return inputs.numbers(1, 2, 5, 5, device=device)


class ModuleBatchnormTracking(_Module):
    """In training mode: statistics of the batch count, and a count of batches goes on."""

    name = "module_batchnorm_tracking"
    title = "Whole batch norm in training mode, and its statistics after a batch"

    def build(self):
        import torch

        return torch.nn.BatchNorm1d(4, momentum=0.25)

    def example(self, device):
        return inputs.numbers(6, 4, device=device)

    def make(self):
        return super(ModuleBatchnormTracking, self).make().train()

    def forward(self, obj):
        output = super(ModuleBatchnormTracking, self).forward(obj)
        return [output, obj.running_mean, obj.running_var, obj.num_batches_tracked]


class ModuleConvCircular(_Module):
    """Padding by wrapping around: how much was computed ahead changed in torch 1.5."""

    name = "module_conv_circular"
    title = "Whole convolution that pads circularly"

    def build(self):
        import torch

        return torch.nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular")

    def example(self, device):
        return inputs.numbers(1, 2, 5, 5, device=device)


class ModuleEmbedding(_Module):
    """A table with a row that stays zero."""

    name = "module_embedding"
    title = "Whole nn.Embedding with a padding index"

    def build(self):
        import torch

        return torch.nn.Embedding(5, 3, padding_idx=0)

    def example(self, device):
        import torch

        return torch.tensor([[1, 0, 4], [2, 2, 3]], device=device)


class ModuleLstm(_Module):
    """Recurrent layers keep a list of their weights beside the parameters."""

    name = "module_lstm"
    title = "Whole two-layer nn.LSTM"

    def build(self):
        import torch

        return torch.nn.LSTM(4, 3, num_layers=2)

    def example(self, device):
        return inputs.numbers(5, 2, 4, device=device)


class ModuleGru(_Module):
    """Both directions, with projections that came in torch 1.8 left out."""

    name = "module_gru"
    title = "Whole bidirectional nn.GRU"

    def build(self):
        import torch

        return torch.nn.GRU(4, 3, bidirectional=True)

    def example(self, device):
        return inputs.numbers(5, 2, 4, device=device)


class ModuleGelu(_Module):
    """``approximate``, which forward reads, exists since torch 1.12 (pytorch#72826)."""

    name = "module_gelu"
    title = "Whole linear layer and nn.GELU"

    def build(self):
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU())

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class ModuleGeluStateDict(StateOfModule, ModuleGelu):
    """The weights alone, which know nothing of attributes."""

    name = "module_gelu_state_dict"
    title = "State dict of a linear layer and nn.GELU, loaded into the consumer's own"
    cures = ()
    variant_of = "module_gelu"
    cure = "state_dict"
    expect = {}


class ModuleHalfForward(_Module):
    """Saved in half precision, as on a GPU, and used on the CPU (huggingface/transformers#27769).

    What is expected of the outputs is what single precision makes of the same weights.
    """

    name = "module_half_forward"
    title = "Whole module in float16, and its forward pass where it is loaded"

    def build(self):
        import torch

        return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))

    def example(self, device):
        import torch

        return inputs.numbers(3, 6, dtype=torch.float16, device=device)

    def save(self, path):
        import torch

        self.saves = True
        module = self.make().half()
        torch.save(module, path)
        return module

    def forward(self, obj):
        import copy

        if not getattr(self, "saves", False):
            return super(ModuleHalfForward, self).forward(obj)
        exact = copy.deepcopy(obj).float()
        return exact(self.example(inputs.place_of(exact)).float()).detach().half()
