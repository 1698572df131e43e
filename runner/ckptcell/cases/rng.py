"""Random states: are the next numbers those the producer would have drawn?

A state is bytes and loads the same everywhere. What is made of it may change: torch promises no
equal numbers across releases and platforms (its notes on reproducibility).
"""

import copy

from ckptcell import steps
from ckptcell.cases.base import Case

__all__ = [
    "ResumeRng",
    "ResumeRngDropout",
    "ResumeRngNormal",
    "RngGenerator",
    "RngStateOfGpu",
    "RngStateZeroed",
]

# Every optimizer imports it when it is made, since torch 2.0.
IMPORTS = ("torch._dynamo",)


class _Random(Case):
    """Model, SGD and torch's random state, and three steps that draw numbers."""

    family = "rng"
    state_is_all = True
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}
    modes = ("plain", "restricted", "trusted")

    def build(self):
        """Model and optimizer before any training."""
        import torch

        model = steps.network(self.device)
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    def disturb(self, batch):
        """The batch to train with; draws numbers."""
        raise NotImplementedError(self.name)

    def make(self):
        import torch

        torch.manual_seed(20)
        model, optimizer = self.build()
        steps.train(model, optimizer, 2, disturb=self.disturb)
        return {"model": model.state_dict(), "random": torch.get_rng_state()}

    def resume(self, obj):
        import torch

        model, optimizer = self.build()
        model.load_state_dict(copy.deepcopy(obj["model"]))
        torch.set_rng_state(obj["random"].cpu())
        return steps.train(model, optimizer, 3, disturb=self.disturb)


class ResumeRng(_Random):
    """Uniform numbers and shuffles, the same from torch 1.4 on."""

    name = "resume_rng"
    title = "Model, SGD and random state, continued with noise and shuffled samples"

    def disturb(self, batch):
        import torch

        order = torch.randperm(len(batch)).to(batch.device)
        noise = torch.rand(batch.shape, dtype=torch.float64).to(batch.device)
        return batch[order] + noise


class ResumeRngNormal(_Random):
    """Normal numbers in double precision, of which the last digits changed between releases."""

    name = "resume_rng_normal"
    title = "Model, SGD and random state, continued with normal noise in float64"

    def disturb(self, batch):
        import torch

        # One sample's worth: sixteen and more are drawn in another way.
        noise = torch.randn(batch.shape[1], dtype=torch.float64)
        return batch + noise.to(batch.device)


class ResumeRngDropout(_Random):
    """Dropout on the CPU draws through the math library of the build (pytorch#121595)."""

    name = "resume_rng_dropout"
    title = "Model, SGD and random state, continued with dropout"

    def disturb(self, batch):
        import torch

        kept = torch.nn.functional.dropout(torch.ones(batch.shape, dtype=torch.float64), 0.5)
        return batch * kept.to(batch.device)


class RngGenerator(Case):
    """A generator of its own, as data loaders have: the object, not its state."""

    name = "rng_generator"
    family = "rng"
    title = "Dict with a torch.Generator, and numbers drawn from it"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def save(self, path):
        import torch

        from ckptcell.cases.base import Unsupported

        generator = torch.Generator()
        generator.manual_seed(20)
        obj = {"generator": generator}
        try:
            torch.save(obj, path)
        except TypeError as error:
            # Since pytorch#126271 they can.
            msg = "a Generator cannot be saved here: {}".format(error)
            raise Unsupported(msg) from error
        return obj

    def forward(self, obj):
        import torch

        generator = torch.Generator()
        generator.set_state(obj["generator"].get_state())
        return torch.rand(8, generator=generator)


class _State(Case):
    """A state of a random generator that the CPU's does not take."""

    family = "user-mistakes"
    modes = ("plain",)

    def load(self, path, mode):
        import torch

        obj = super(_State, self).load(path, mode)
        torch.set_rng_state(obj["random"])
        return obj


class RngStateOfGpu(_State):
    """A GPU's has 16 bytes, seed and offset; who has one for both keeps the wrong one."""

    name = "rng_state_of_gpu"
    title = "State of a GPU's random generator, given to the CPU's"
    expect = {"verdict": "failed", "reasons": ["size_mismatch"]}

    def make(self):
        import torch

        return {"random": torch.tensor([20] + [0] * 15, dtype=torch.uint8)}


class RngStateZeroed(_State):
    """Of the right size, and nothing in it."""

    name = "rng_state_zeroed"
    title = "State of the CPU's random generator that is all zeros, given back to it"
    expect = {"verdict": "failed", "reasons": ["load_error"]}

    def make(self):
        import torch

        return {"random": torch.zeros_like(torch.get_rng_state())}
