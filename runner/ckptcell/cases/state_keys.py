"""State dicts whose keys are those of other code for the same layers."""

import collections
from typing import Any

from ckptcell import cures, inputs, modes, observe
from ckptcell.cases.base import Case

__all__ = [
    "StateBatchCountAbsent",
    "StateBatchCountPlain",
    "StateSpectralNorm",
]


class _Keys(Case):
    """A state dict of one model, loaded into what the code makes of it now."""

    family = "user-mistakes"
    modes = ("plain",)

    def before(self):
        """The model as it was when it was saved."""
        raise NotImplementedError(self.name)

    def after(self):
        """The model as the code makes it now."""
        return self.before()

    def state(self, model):
        """What is saved of it."""
        return model.state_dict()

    def save(self, path):
        import torch

        model = inputs.fill(self.before()).eval().to(self.device)
        torch.save(self.state(model), path)
        return model

    def load(self, path, mode):
        model = self.after().eval().to(self.device)
        cures.load_into(model, modes.torch_load(path, mode, self.device), mode)
        return model

    def observe(self, obj):
        return observe.observe(dict(obj.state_dict()))

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 4, device=self.device))


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

    def before(self):
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))

    def state(self, model):
        state = model.state_dict()
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

    def state(self, model):
        return dict(super(StateBatchCountPlain, self).state(model))


class StateSpectralNorm(_Keys):
    """Parametrizations came with torch 1.9, and nothing renames the keys (pytorch#57784)."""

    name = "state_spectral_norm"
    title = "State dict of spectral_norm, loaded into its parametrization"
    loader = ("torch.nn.utils.parametrizations.spectral_norm",)
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def before(self):
        import torch

        return torch.nn.utils.spectral_norm(torch.nn.Linear(4, 3))

    def after(self):
        import torch

        return torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 3))
