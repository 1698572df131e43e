"""Classes as people write them, for cases whose checkpoints name a class that is not torch's.

Imported by the methods of cases alone, for it imports torch; at the top of a module, for a class
has to be found by its name when it is unpickled.
"""

import torch

__all__ = ["Gate", "Tagged"]


class Tagged(torch.Tensor):
    """A tensor with a class of its own and nothing else."""


class Gate(torch.nn.Module):
    """A layer and a branch, which code is needed for and tracing would lose."""

    def __init__(self):
        super(Gate, self).__init__()
        self.inner = torch.nn.Linear(4, 4)

    def forward(self, features):
        """What the layer makes of ``features``, and only its positive part where the sum is."""
        hidden = self.inner(features)
        if bool(hidden.sum() > 0):
            hidden = torch.relu(hidden)
        return hidden
