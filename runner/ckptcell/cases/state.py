"""State dicts: what most people save."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["StateDict"]


def _network():
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    )


class StateDict(Case):
    """The control of every cell: nothing in it should ever fail to load."""

    name = "state_dict"
    family = "state"
    title = "State dict of linear layers and batch norm"
    state_is_all = True

    def make(self):
        return inputs.fill(_network()).eval().to(self.device).state_dict()

    def forward(self, obj):
        import torch

        network = _network().eval().to(self.device)
        network.load_state_dict(obj)
        with torch.no_grad():
            return network(inputs.numbers(4, 6, device=self.device))
