"""Whole modules whose class gained an attribute that forward reads.

Unpickling does not call ``__init__``: a module of an older torch loads without the attribute, and
fails when it is used.
"""

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.whole import WholeModule

__all__ = [
    "ModuleCrossEntropy",
    "ModuleEmbeddingBag",
    "ModuleHardsigmoid",
    "ModuleKldiv",
    "ModuleRmsnorm",
    "ModuleSmoothL1",
    "ModuleUpsample",
]


class _Module(WholeModule, Case):
    """Saved whole, used after loading."""

    family = "module"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class ModuleCrossEntropy(_Module):
    """``label_smoothing`` since torch 1.10 (WZMIAOMIAO/deep-learning-for-image-processing#657)."""

    name = "module_cross_entropy"
    title = "Whole nn.CrossEntropyLoss"

    def build(self):
        import torch

        return torch.nn.CrossEntropyLoss()

    def example(self, device):
        import torch

        return inputs.numbers(4, 3, device=device), torch.tensor([0, 2, 1, 1], device=device)


class ModuleSmoothL1(_Module):
    """``beta`` since torch 1.7 (pytorch#44433)."""

    name = "module_smooth_l1"
    title = "Whole nn.SmoothL1Loss"

    def build(self):
        import torch

        return torch.nn.SmoothL1Loss()

    def example(self, device):
        return inputs.numbers(4, 3, device=device), inputs.numbers(4, 3, offset=2, device=device)


class ModuleKldiv(_Module):
    """``log_target``, which torch 1.5 did not have."""

    name = "module_kldiv"
    title = "Whole nn.KLDivLoss"

    def build(self):
        import torch

        return torch.nn.KLDivLoss(reduction="batchmean")

    def example(self, device):
        given = inputs.numbers(4, 3, device=device)
        return given - 2, inputs.numbers(4, 3, offset=2, device=device).abs() + 0.125


class ModuleUpsample(_Module):
    """``recompute_scale_factor`` since torch 1.11 (pytorch#100935)."""

    name = "module_upsample"
    title = "Whole nn.Upsample"

    def build(self):
        import torch

        return torch.nn.Upsample(scale_factor=2.0, mode="nearest")

    def example(self, device):
        return inputs.numbers(1, 2, 3, 3, device=device)


class ModuleEmbeddingBag(_Module):
    """``padding_idx`` since torch 1.9 (pytorch#49237)."""

    name = "module_embedding_bag"
    title = "Whole nn.EmbeddingBag"

    def build(self):
        import torch

        return torch.nn.EmbeddingBag(5, 3, mode="mean")

    def example(self, device):
        import torch

        return torch.tensor([[1, 0, 4], [2, 2, 3]], device=device)


class ModuleHardsigmoid(_Module):
    """``inplace``, which torch 1.5 did not have."""

    name = "module_hardsigmoid"
    title = "Whole nn.Hardsigmoid"
    needs = ("torch.nn.Hardsigmoid",)

    def build(self):
        import torch

        return torch.nn.Hardsigmoid()

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class ModuleRmsnorm(_Module):
    """A class of torch 2.4 (pytorch#121364)."""

    name = "module_rmsnorm"
    title = "Whole nn.RMSNorm"
    needs = ("torch.nn.RMSNorm",)

    def build(self):
        import torch

        return torch.nn.RMSNorm(4, eps=0.001)

    def example(self, device):
        return inputs.numbers(3, 4, device=device)
