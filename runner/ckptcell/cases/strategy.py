"""A whole model taken for its state dict, and the reverse."""

from ckptcell import inputs, modes
from ckptcell.cases.base import Case

__all__ = [
    "StrategyFullAsStateDict",
    "StrategyInnerStateDict",
    "StrategyStateDictAsModel",
    "StrategyWholeCheckpoint",
]


class _Strategy(Case):
    """A small model, and what is wrong with how it is loaded."""

    family = "user-mistakes"

    def network(self):
        """The model."""
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
        return inputs.fill(model).eval().to(self.device)

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 6, device=self.device))


class StrategyFullAsStateDict(_Strategy):
    """``load_state_dict`` is given a module."""

    name = "strategy_full_as_state_dict"
    title = "Whole model, given to load_state_dict"
    cures = ("allowlisted",)
    # Where weights_only is the default, the whole model is refused before it is mistaken.
    expect = {
        "verdict": "failed",
        "reasons": ["not_a_state_dict", "weights_only_refused"],
        "modes": {
            "restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]},
            # torch does not say which globals a file in the legacy format names.
            "allowlisted": {
                "verdict": "failed",
                "reasons": ["not_a_state_dict", "format_unsupported"],
            },
            "trusted": {"verdict": "failed", "reasons": ["not_a_state_dict"]},
        },
    }

    def make(self):
        return self.network()

    def load(self, path, mode):
        model = self.network()
        model.load_state_dict(modes.torch_load(path, mode, self.device))
        return model


class StrategyStateDictAsModel(_Strategy):
    """A state dict is used as if it were the model."""

    name = "strategy_state_dict_as_model"
    title = "State dict, used as if it were the model"
    expect = {"verdict": "failed", "reasons": ["not_a_module"]}

    def save(self, path):
        import torch

        model = self.network()
        torch.save(model.state_dict(), path)
        return model

    def load(self, path, mode):
        model = modes.torch_load(path, mode, self.device)
        return model.eval()


class StrategyWholeCheckpoint(_Strategy):
    """What training saved has the state dict under a key, and all of it is given to the model."""

    name = "strategy_whole_checkpoint"
    title = "Dict with a state dict and an epoch, given to load_state_dict as it is"
    modes = ("plain",)
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def save(self, path):
        import torch

        model = self.network()
        torch.save({"state_dict": model.state_dict(), "epoch": 1}, path)
        return model

    def weights(self, checkpoint):
        """What of it is given to load_state_dict."""
        return checkpoint

    def load(self, path, mode):
        model = self.network()
        model.load_state_dict(self.weights(modes.torch_load(path, mode, self.device)))
        return model


class StrategyInnerStateDict(StrategyWholeCheckpoint):
    """The same, and the dict within is taken."""

    name = "strategy_inner_state_dict"
    title = "Dict with a state dict and an epoch, of which load_state_dict is given the state dict"
    variant_of = "strategy_whole_checkpoint"
    cure = "inner_dict"
    expect = {}

    def weights(self, checkpoint):
        return checkpoint["state_dict"]
