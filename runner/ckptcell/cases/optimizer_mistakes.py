"""Optimizer state loaded into an optimizer that was built in another way: who notices?"""

from ckptcell import inputs, steps
from ckptcell.cases.base import Case

__all__ = [
    "OptimAdamwIntoAdam",
    "OptimGroupCount",
    "OptimHyperparametersFromFile",
    "OptimOptionMissing",
    "OptimOtherClass",
    "OptimParamOrder",
    "OptimParamSize",
    "OptimStateCast",
]

# Every optimizer imports it when it is made, since torch 2.0.
IMPORTS = ("torch._dynamo",)


class _Misfit(Case):
    """The state dict of SGD with momentum after two steps."""

    family = "user-mistakes"
    modes = ("plain", "trusted")

    def make(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        steps.train(model, optimizer, 2)
        return optimizer.state_dict()

    def fit(self, state):
        """Load it into the optimizer of the loading code; what is looked at then."""
        raise NotImplementedError(self.name)

    def load(self, path, mode):
        return self.fit(super(_Misfit, self).load(path, mode))


class OptimGroupCount(_Misfit):
    """The loading code has one more group of parameters."""

    name = "optim_group_count"
    title = "State of an optimizer with one group, loaded into one with two"
    expect = {"verdict": "failed", "reasons": ["size_mismatch"]}

    def fit(self, state):
        import torch

        model = steps.network(self.device)
        groups = [{"params": model[0].parameters()}, {"params": model[2].parameters()}]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
        optimizer.load_state_dict(state)
        return optimizer.state_dict()


class OptimParamSize(_Misfit):
    """The loading code has fewer parameters in the group."""

    name = "optim_param_size"
    title = "State of an optimizer of four parameters, loaded into one of two"
    expect = {"verdict": "failed", "reasons": ["size_mismatch"]}

    def fit(self, state):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1, momentum=0.9)
        optimizer.load_state_dict(state)
        return optimizer.state_dict()


class OptimHyperparametersFromFile(_Misfit):
    """The loading code asks for a smaller rate; load_state_dict takes the saved one without a word.

    What the person who loads wants is what is compared with.
    """

    name = "optim_hyperparameters_from_file"
    title = "State of SGD, loaded into one that was given another learning rate"
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def save(self, path):
        super(OptimHyperparametersFromFile, self).save(path)
        return {"lr": 0.001, "momentum": 0.9}

    def fit(self, state):
        import torch

        optimizer = torch.optim.SGD(steps.network(self.device).parameters(), lr=0.001, momentum=0.9)
        optimizer.load_state_dict(state)
        return {name: optimizer.param_groups[0][name] for name in ("lr", "momentum")}


class OptimAdamwIntoAdam(_Misfit):
    """Since torch 2.7 they are one class, and which of the two it is comes from the file as well.

    What the person who loads wants is what is compared with: Adam without decay.
    """

    name = "optim_adamw_into_adam"
    title = "State of AdamW, loaded into Adam"
    modes = ("plain",)
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def make(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.01)
        steps.train(model, optimizer, 2)
        return optimizer.state_dict()

    def save(self, path):
        super(OptimAdamwIntoAdam, self).save(path)
        return {"weight_decay": 0.0, "decoupled_weight_decay": False}

    def fit(self, state):
        import torch

        optimizer = torch.optim.Adam(steps.network(self.device).parameters(), lr=0.05)
        # An option that this Adam does not have changes nothing, whatever the file says.
        known = "decoupled_weight_decay" in optimizer.defaults
        optimizer.load_state_dict(state)
        group = optimizer.param_groups[0]
        return {
            "weight_decay": group["weight_decay"],
            "decoupled_weight_decay": known and group["decoupled_weight_decay"],
        }


class OptimOptionMissing(_Misfit):
    """Only options that came later have a default in their place; the others are asked for."""

    name = "optim_option_missing"
    title = "State of Adam whose groups were edited and have no eps, taken a step with"
    modes = ("plain",)
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def make(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        steps.train(model, optimizer, 2)
        state = optimizer.state_dict()
        for group in state["param_groups"]:
            del group["eps"]
        return state

    def fit(self, state):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        optimizer.load_state_dict(state)
        steps.train(model, optimizer, 1)
        return state


class OptimOtherClass(_Misfit):
    """The loading code went over to Adam."""

    name = "optim_other_class"
    title = "State of SGD with momentum, loaded into Adam, which takes a step"
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def fit(self, state):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        optimizer.load_state_dict(state)
        steps.train(model, optimizer, 1)
        return state


def _momenta(first, second, device):
    """An optimizer of two parameters of one shape, in this order."""
    import torch

    values = {"query": 0, "key": 4}
    made = {
        name: torch.nn.Parameter(inputs.numbers(2, 3, offset=values[name], device=device))
        for name in (first, second)
    }
    return made, torch.optim.SGD(list(made.values()), lr=0.1, momentum=0.9)


class OptimParamOrder(Case):
    """State is matched by position: momenta go to the wrong parameters where shapes agree."""

    name = "optim_param_order"
    family = "user-mistakes"
    title = "State of SGD, loaded where two parameters of one shape come in another order"
    modes = ("plain", "trusted")
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def save(self, path):
        import torch

        made, optimizer = _momenta("query", "key", self.device)
        for name, parameter in made.items():
            parameter.grad = inputs.numbers(2, 3, offset=len(name), device=self.device)
        optimizer.step()
        torch.save(optimizer.state_dict(), path)
        return _momentum_by_name(made, optimizer)

    def load(self, path, mode):
        state = super(OptimParamOrder, self).load(path, mode)
        made, optimizer = _momenta("key", "query", self.device)
        optimizer.load_state_dict(state)
        return _momentum_by_name(made, optimizer)


def _momentum_by_name(made, optimizer):
    return {name: optimizer.state[made[name]]["momentum_buffer"] for name in sorted(made)}


class OptimStateCast(Case):
    """Moments in float32 become what the parameters of the loading code are; so did the step once.

    Since torch 1.12 the step is a tensor and exempt (pytorch#74424).
    """

    name = "optim_state_cast"
    family = "user-mistakes"
    title = "State of Adam in float32, loaded into one of bfloat16 parameters"
    modes = ("plain", "trusted")
    expect = {"verdict": "changed", "reasons": ["dtype_changed", "type_changed"]}

    def build(self, dtype):
        """A parameter and its optimizer."""
        import torch

        values = inputs.numbers(2, 3, dtype=dtype, device=self.device)
        parameter = torch.nn.Parameter(values)
        return parameter, torch.optim.Adam([parameter], lr=0.05)

    def save(self, path):
        import torch

        parameter, optimizer = self.build(torch.float32)
        for offset in range(2):
            parameter.grad = inputs.numbers(2, 3, offset=offset, device=self.device) / 3
            optimizer.step()
        torch.save(optimizer.state_dict(), path)
        return dict(optimizer.state[parameter])

    def load(self, path, mode):
        import torch

        state = super(OptimStateCast, self).load(path, mode)
        parameter, optimizer = self.build(torch.bfloat16)
        optimizer.load_state_dict(state)
        return dict(optimizer.state[parameter])
