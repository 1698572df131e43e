"""Layers of the user's own that say for themselves what their state is."""

import inspect

from ckptcell import cures, inputs, modes, observe
from ckptcell.cases.base import Case, Unsupported

__all__ = [
    "BuffersNonpersistent",
    "CustomBufferForgotten",
    "CustomBufferLeft",
    "CustomExtraState",
    "CustomExtraStateAbsent",
    "CustomForgetsState",
    "CustomStateHook",
]


class _Custom(Case):
    """The state dict of a layer that has more to it than parameters and buffers."""

    family = "custom"

    def layer(self):
        """The layer as its code makes it."""
        raise NotImplementedError(self.name)

    def used(self, layer):
        """What use did to the layer before it was saved."""

    def facts(self, layer):
        """All of its state, wherever it keeps it."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        layer = inputs.fill(self.layer()).to(self.device)
        self.used(layer)
        torch.save(layer.state_dict(), path)
        return layer

    def load(self, path, mode):
        layer = self.layer().to(self.device)
        cures.load_into(layer, modes.torch_load(path, mode, self.device), mode)
        return layer

    def observe(self, obj):
        return observe.observe(self.facts(obj))

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 4, device=self.device))


class CustomExtraState(_Custom):
    """``get_extra_state`` is asked since torch 1.10; before, its key is unexpected."""

    name = "custom_extra_state"
    title = "State dict of a layer with extra state"
    needs = ("torch.nn.Module.get_extra_state",)

    def layer(self):
        import torch

        class Vocabulary(torch.nn.Linear):
            words = ()

            def get_extra_state(self):
                return {"words": list(self.words)}

            def set_extra_state(self, state):
                self.words = tuple(state["words"])

        return Vocabulary(4, 3)

    def used(self, layer):
        layer.words = ("cat", "dog", "fish")

    def facts(self, layer):
        return {"weight": layer.weight, "bias": layer.bias, "words": list(layer.words)}


class CustomExtraStateAbsent(CustomExtraState):
    """The layer was given extra state after it was saved (pytorch#62976)."""

    name = "custom_extra_state_absent"
    family = "user-mistakes"
    title = "State dict without extra state, loaded into a layer that has some"
    modes = ("plain",)
    cures = ("partial",)
    needs = ()
    loader = ("torch.nn.Module.get_extra_state",)
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {"partial": {"verdict": "ok"}},
    }

    def save(self, path):
        import torch

        layer = inputs.fill(self.layer()).to(self.device)
        state = layer.state_dict()
        state.pop("_extra_state", None)
        torch.save(state, path)
        return layer


class CustomStateHook(_Custom):
    """Hooks that pack a layer's state when it is saved and unpack it when it is loaded."""

    name = "custom_state_hook"
    title = "State dict of a layer whose hooks rename its keys"

    def layer(self):
        import torch

        layer = torch.nn.Linear(4, 3)

        def pack(module, state, prefix, metadata):  # noqa: ARG001 - as torch calls it
            state[prefix + "kernel"] = state.pop(prefix + "weight").t().contiguous()

        def unpack(state, prefix, *_rest):
            state[prefix + "weight"] = state.pop(prefix + "kernel").t()

        # Names without an underscore are of torch 2: layers in use were written with these.
        layer._register_state_dict_hook(pack)  # noqa: SLF001 - the public one is of torch 2.5
        layer._register_load_state_dict_pre_hook(unpack)  # noqa: SLF001 - as above
        return layer

    def facts(self, layer):
        return {"weight": layer.weight, "bias": layer.bias, "state": dict(layer.state_dict())}


class BuffersNonpersistent(_Custom):
    """A table that is made anew and not saved: ``persistent`` exists since torch 1.6."""

    name = "buffers_nonpersistent"
    title = "State dict of a layer with a buffer that is not part of it"

    def layer(self):
        import torch

        class Positions(torch.nn.Linear):
            def forward(self, value):
                return super(Positions, self).forward(value + self.table)

        layer = Positions(4, 3)
        if "persistent" not in inspect.signature(layer.register_buffer).parameters:
            msg = "buffers are always persistent here"
            raise Unsupported(msg)
        layer.register_buffer("table", inputs.numbers(4, offset=3), persistent=False)
        return layer

    def save(self, path):
        import torch

        layer = self.layer().to(self.device)
        with torch.no_grad():
            layer.weight.copy_(inputs.numbers(3, 4))
            layer.bias.copy_(inputs.numbers(3, offset=1))
        torch.save(layer.state_dict(), path)
        return layer

    def facts(self, layer):
        keys = sorted(layer.state_dict())
        return {"parameters": dict(layer.named_parameters()), "table": layer.table, "saved": keys}


class CustomBufferForgotten(BuffersNonpersistent):
    """What use put into such a buffer is not saved, and nobody says so."""

    name = "custom_buffer_forgotten"
    family = "user-mistakes"
    title = "State dict of a layer whose use changes a buffer with persistent=False"
    modes = ("plain",)
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def save(self, path):
        layer = super(CustomBufferForgotten, self).save(path)
        layer.table = inputs.numbers(4, offset=8, device=self.device)
        return layer


class CustomBufferLeft(BuffersNonpersistent):
    """The buffer was persistent in the code that saved it, and its key is still in the file."""

    name = "custom_buffer_left"
    family = "user-mistakes"
    title = "State dict with a buffer, loaded where it has become persistent=False"
    modes = ("plain",)
    cures = ("partial",)
    expect = {
        "verdict": "failed",
        "reasons": ["unexpected_keys"],
        "modes": {"partial": {"verdict": "ok"}},
    }

    def save(self, path):
        import torch

        layer = torch.nn.Linear(4, 3)
        layer.register_buffer("table", inputs.numbers(4, offset=3))
        # So that what is looked at is what the layer of today answers.
        with torch.no_grad():
            layer.weight.copy_(inputs.numbers(3, 4))
            layer.bias.copy_(inputs.numbers(3, offset=1))
        torch.save(layer.to(self.device).state_dict(), path)
        return layer

    def facts(self, layer):
        return {"parameters": dict(layer.named_parameters()), "table": layer.table}

    def forward(self, obj):
        import torch

        value = inputs.numbers(3, 4, device=self.device) + obj.table
        with torch.no_grad():
            return torch.nn.functional.linear(value, obj.weight, obj.bias)


class CustomForgetsState(_Custom):
    """A running mean in a plain attribute is no part of the state dict, and nobody says so."""

    name = "custom_forgets_state"
    family = "user-mistakes"
    title = "State dict of a layer that keeps a tensor in a plain attribute"
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def layer(self):
        import torch

        class Centred(torch.nn.Linear):
            def forward(self, value):
                return super(Centred, self).forward(value - self.mean)

        layer = Centred(4, 3)
        layer.mean = torch.zeros(4, device=self.device)
        return layer

    def used(self, layer):
        layer.mean = inputs.numbers(4, offset=2, device=self.device)

    def facts(self, layer):
        return {"weight": layer.weight, "bias": layer.bias, "mean": layer.mean}
