"""What cases of whole modules share: weights, forward pass, the state dict in their place."""

from ckptcell import cures, inputs, modes, observe

__all__ = ["StateOfModule", "WholeModule", "run"]


class WholeModule(object):
    """A module saved whole, and its forward pass in evaluation mode.

    Mixed into a case, which has ``build`` and ``example``.
    """

    device = "cpu"

    def build(self):
        """The module with torch's own initial values."""
        raise NotImplementedError(type(self).__name__)

    def example(self, device):
        """What it is called with: a tensor, or a tuple of arguments."""
        raise NotImplementedError(type(self).__name__)

    def make(self):
        """The module with fixed weights, in evaluation mode."""
        return inputs.fill(self.build()).eval().to(self.device)

    def forward(self, obj):
        """What it returns for its example."""
        return run(obj, self.example(_place_of(obj, self.device)))


class StateOfModule(WholeModule):
    """The same weights as a state dict, for the consumer's own module."""

    def state(self, module):
        """What is saved of it."""
        return module.state_dict()

    def target(self):
        """The consumer's own module, before it is loaded into."""
        return self.build()

    def save(self, path):
        """Save the state dict; returns the module."""
        import torch

        module = self.make()
        torch.save(self.state(module), path)
        return module

    def load(self, path, mode):
        """The consumer's own module with the weights loaded."""
        module = self.target()
        cures.load_into(module, modes.torch_load(path, mode, self.device), mode)
        return module.eval().to(self.device)

    def observe(self, obj):
        """Facts about the weights: the layers are the consumer's own."""
        return observe.observe(dict(obj.state_dict()))


def run(module, example):
    """What a module returns for an example: a tensor, or a tuple of arguments."""
    import torch

    arguments = example if isinstance(example, tuple) else (example,)
    with torch.no_grad():
        return module(*arguments)


def _place_of(module, otherwise):
    """The device of a module's parameters; of one without any, ``otherwise``."""
    return next((each.device for each in module.parameters()), otherwise)
