"""Training state: does training go on the same way?"""

import copy

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["OptimAdam", "ResumeAdam", "ResumeSgd"]


def _model(device):
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    # Double precision: a difference in the trace is a difference in the method, not in rounding.
    return inputs.fill(model.double()).to(device)


def _train(model, optimizer, steps, scheduler=None):
    """Take steps and return the loss before each."""
    import torch

    device = inputs.place_of(model)
    features = inputs.numbers(8, 4, dtype=torch.float64, device=device)
    targets = inputs.numbers(8, 2, offset=5, dtype=torch.float64, device=device)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((model(features) - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        losses.append(float(loss.detach()))
    return losses


def _adam(model):
    import torch

    return torch.optim.Adam(model.parameters(), lr=0.05)


def _sgd(model):
    import torch

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


class _Training(Case):
    """State from which training goes on, and the losses of its next steps."""

    family = "training"
    state_is_all = True
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}


class OptimAdam(_Training):
    """The optimizer's state alone: its step was an int before torch 1.12 and is a tensor since."""

    name = "optim_adam"
    title = "State dict of Adam, and steps taken with it"

    def make(self):
        model = _model(self.device)
        optimizer = _adam(model)
        _train(model, optimizer, 2)
        return optimizer.state_dict()

    def resume(self, obj):
        model = _model(self.device)
        optimizer = _adam(model)
        optimizer.load_state_dict(copy.deepcopy(obj))
        return _train(model, optimizer, 3)


class ResumeAdam(_Training):
    """Model and Adam after two steps."""

    name = "resume_adam"
    title = "Model and Adam, continued for three steps"

    def make(self):
        model = _model(self.device)
        optimizer = _adam(model)
        _train(model, optimizer, 2)
        return {"epoch": 2, "model": model.state_dict(), "optimizer": optimizer.state_dict()}

    def resume(self, obj):
        # A copy: the producer goes on from what it has in memory, and load_state_dict shares it.
        state = copy.deepcopy(obj)
        model = _model(self.device)
        optimizer = _adam(model)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return _train(model, optimizer, 3)


class ResumeSgd(_Training):
    """Model, SGD with momentum and a schedule after three steps, in the middle of an interval."""

    name = "resume_sgd"
    title = "Model, SGD with momentum and StepLR, continued for three steps"

    def make(self):
        model = _model(self.device)
        optimizer, scheduler = _sgd(model)
        _train(model, optimizer, 3, scheduler)
        return {
            "epoch": 3,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
        }

    def resume(self, obj):
        state = copy.deepcopy(obj)
        model = _model(self.device)
        optimizer, scheduler = _sgd(model)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        return _train(model, optimizer, 3, scheduler)
