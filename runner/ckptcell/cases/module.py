"""Whole modules: pickles that name torch's classes and carry their attributes."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = [
    "ModuleConvBatchNorm",
    "ModuleGelu",
    "ModuleLinear",
    "ModuleLstm",
    "ModuleTransformerEncoder",
]


class _Module(Case):
    """A module saved whole, and its forward pass in evaluation mode."""

    family = "module"
    # A class outside torch's list of safe ones is what weights_only exists to refuse.
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def build(self):
        """The module with torch's own initial values."""
        raise NotImplementedError(self.name)

    def example(self, device):
        """What it is called with."""
        raise NotImplementedError(self.name)

    def make(self):
        return inputs.fill(self.build()).eval().to(self.device)

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(self.example(inputs.place_of(obj)))


class ModuleLinear(_Module):
    """The smallest module there is."""

    name = "module_linear"
    title = "Whole nn.Linear"

    def build(self):
        import torch

        return torch.nn.Linear(6, 4)

    def example(self, device):
        return inputs.numbers(3, 6, device=device)


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


class ModuleLstm(_Module):
    """Recurrent layers keep a list of their weights beside the parameters."""

    name = "module_lstm"
    title = "Whole two-layer nn.LSTM"

    def build(self):
        import torch

        return torch.nn.LSTM(4, 3, num_layers=2)

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


class ModuleTransformerEncoder(_Module):
    """Its attention names a private class that was renamed (pytorch#60165)."""

    name = "module_transformer_encoder"
    title = "Whole nn.TransformerEncoder"

    def build(self):
        import torch

        layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0)
        return torch.nn.TransformerEncoder(layer, num_layers=2)

    def example(self, device):
        return inputs.numbers(5, 2, 8, device=device)
