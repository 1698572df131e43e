"""Training for the cases: one small network, and steps whose losses are compared.

In double precision: a difference in the losses is a difference in the method, not in rounding.
"""

import copy

from ckptcell import inputs

__all__ = ["BATCH", "continued", "network", "train"]

#: Samples of a batch.
BATCH = 8


def network(device):
    """A network of two layers with fixed weights."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    return inputs.fill(model.double()).to(device)


def train(model, optimizer, count, scheduler=None, disturb=None):
    """Take steps.

    Args:
        model: Is trained.
        optimizer: Of its parameters.
        count: How many steps.
        scheduler: Is stepped after the optimizer.
        disturb: Makes of the batch the one to train with: noise, another order.

    Returns:
        The loss before each step.
    """
    device = inputs.place_of(model)
    batch = inputs.numbers(BATCH, 4, dtype=_double(), device=device)
    targets = inputs.numbers(BATCH, 2, offset=5, dtype=_double(), device=device)

    def loss_of(features):
        optimizer.zero_grad()
        loss = ((model(features) - targets) ** 2).mean()
        loss.backward()
        return loss

    losses = []
    for _ in range(count):
        features = batch if disturb is None else disturb(batch)
        # Every optimizer takes a closure; LBFGS asks it more than once and returns the first loss.
        loss = optimizer.step(lambda features=features: loss_of(features))
        if scheduler is not None:
            scheduler.step()
        losses.append(float(loss))
    return losses


def continued(obj, make, count=3):
    """Losses of further training from a checkpoint of model, optimizer and perhaps a scheduler.

    Args:
        obj: Has the state dicts ``model``, ``optimizer`` and, where there is one, ``scheduler``.
        make: Gives model, optimizer and scheduler (or None) as they are before any training.
        count: How many steps.
    """
    # A copy: the producer goes on from what it has in memory, and load_state_dict shares it.
    state = copy.deepcopy(obj)
    model, optimizer, scheduler = make()
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(state["scheduler"])
    return train(model, optimizer, count, scheduler)


def _double():
    import torch

    return torch.float64
