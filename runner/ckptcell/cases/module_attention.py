"""Whole modules with attention, which name private classes that came and went."""

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.whole import StateOfModule, WholeModule

__all__ = [
    "ModuleMha",
    "ModuleMhaStateDict",
    "ModuleTransformer",
    "ModuleTransformerEncoder",
    "ModuleTransformerEncoderStateDict",
    "ModuleTransformerStateDict",
]


class _Attention(WholeModule, Case):
    """Saved whole; the projection was a ``_LinearWithBias`` up to torch 1.8 (pytorch#60165)."""

    family = "module"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class ModuleMha(_Attention):
    """The layer itself."""

    name = "module_mha"
    title = "Whole nn.MultiheadAttention"

    def build(self):
        import torch

        return torch.nn.MultiheadAttention(8, 2)

    def example(self, device):
        query = inputs.numbers(5, 2, 8, device=device)
        key = inputs.numbers(4, 2, 8, offset=3, device=device)
        return query, key, key


class ModuleMhaStateDict(StateOfModule, ModuleMha):
    """Its weights have had the same names all along."""

    name = "module_mha_state_dict"
    title = "State dict of nn.MultiheadAttention, loaded into the consumer's own"
    cures = ()
    variant_of = "module_mha"
    cure = "state_dict"
    expect = {}


class ModuleTransformerEncoder(_Attention):
    """Layers that were copied from one."""

    name = "module_transformer_encoder"
    title = "Whole nn.TransformerEncoder"

    def build(self):
        import torch

        layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0)
        return torch.nn.TransformerEncoder(layer, num_layers=2)

    def example(self, device):
        return inputs.numbers(5, 2, 8, device=device)


class ModuleTransformerEncoderStateDict(StateOfModule, ModuleTransformerEncoder):
    """The weights alone."""

    name = "module_transformer_encoder_state_dict"
    title = "State dict of nn.TransformerEncoder, loaded into the consumer's own"
    cures = ()
    variant_of = "module_transformer_encoder"
    cure = "state_dict"
    expect = {}


class ModuleTransformer(_Attention):
    """Encoder and decoder."""

    name = "module_transformer"
    title = "Whole nn.Transformer"

    def build(self):
        import torch

        return torch.nn.Transformer(
            d_model=8,
            nhead=2,
            num_encoder_layers=1,
            num_decoder_layers=1,
            dim_feedforward=16,
            dropout=0.0,
        )

    def example(self, device):
        source = inputs.numbers(5, 2, 8, device=device)
        return source, inputs.numbers(3, 2, 8, offset=3, device=device)


class ModuleTransformerStateDict(StateOfModule, ModuleTransformer):
    """The weights alone."""

    name = "module_transformer_state_dict"
    title = "State dict of nn.Transformer, loaded into the consumer's own"
    cures = ()
    variant_of = "module_transformer"
    cure = "state_dict"
    expect = {}
