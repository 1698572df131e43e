"""State dicts whose keys are those of other code for the same layers."""

import collections
from typing import Any

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.whole import StateOfModule

__all__ = [
    "StateBatchCountAbsent",
    "StateBatchCountPlain",
    "StateSpectralNorm",
]


class _Keys(StateOfModule, Case):
    """A state dict of one model, loaded into what the code makes of it now."""

    family = "user-mistakes"
    modes = ("plain",)

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class StateBatchCountAbsent(_Keys):
    """Keys as before torch 0.4.1, and a version in ``_metadata`` that says they are not."""

    name = "state_batch_count_absent"
    title = "State dict of batch norm without num_batches_tracked, with its _metadata"
    cures = ("partial",)
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {"partial": {"verdict": "ok"}},
    }

    def build(self):
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))

    def state(self, module):
        state = module.state_dict()
        kept = [(key, value) for key, value in state.items() if not key.endswith("_tracked")]
        counted: Any = collections.OrderedDict(kept)
        counted._metadata = state._metadata  # noqa: SLF001 - it has no public name
        return counted


class StateBatchCountPlain(StateBatchCountAbsent):
    """Without ``_metadata`` it is taken for one of torch before 0.4.1."""

    name = "state_batch_count_plain"
    title = "State dict of batch norm without num_batches_tracked, as a plain dict"
    variant_of = "state_batch_count_absent"
    cure = "plain_dict"
    cures = ()
    expect = {}

    def state(self, module):
        return dict(super(StateBatchCountPlain, self).state(module))


class StateSpectralNorm(_Keys):
    """Parametrizations came with torch 1.9, and nothing renames the keys (pytorch#57784)."""

    name = "state_spectral_norm"
    title = "State dict of spectral_norm, loaded into its parametrization"
    loader = ("torch.nn.utils.parametrizations.spectral_norm",)
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def build(self):
        import torch

        return torch.nn.utils.spectral_norm(torch.nn.Linear(4, 3))

    def target(self):
        import torch

        return torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 3))
