"""Models that were changed after their state dict was saved: does anyone notice?"""

import collections

from ckptcell import cures, inputs, modes, observe
from ckptcell.cases.base import Case

__all__ = [
    "ArchChangedActivation",
    "ArchChangedHeads",
    "ArchMissingKeys",
    "ArchReorderedSameShapes",
    "ArchSizeMismatch",
    "ArchUnexpectedKeys",
]


def _network(layers):
    """Layers in their order as one model, every parameter a known number."""
    import torch

    return inputs.fill(torch.nn.Sequential(collections.OrderedDict(layers)).eval())


class _Architecture(Case):
    """A state dict of one model, loaded into another one."""

    family = "user-mistakes"

    def before(self):
        """The model as it was when it was saved."""
        raise NotImplementedError(self.name)

    def after(self):
        """The model as the code makes it now."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        model = self.before().to(self.device)
        torch.save(model.state_dict(), path)
        return model

    def load(self, path, mode):
        model = self.after().to(self.device)
        _with_zeros(model)
        cures.load_into(model, modes.torch_load(path, mode, self.device), mode)
        return model

    def observe(self, obj):
        # A plain dict: what else a state dict carries is torch's, and of the version that made it.
        return observe.observe(dict(obj.state_dict()))

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 6, device=self.device))


def _with_zeros(model):
    """Forget a model's numbers, so that what a checkpoint did not fill shows as zero."""
    import torch

    with torch.no_grad():
        for tensor in list(model.parameters()) + list(model.buffers()):
            tensor.zero_()


class ArchMissingKeys(_Architecture):
    """A layer was added: the file has nothing for it."""

    name = "arch_missing_keys"
    title = "State dict loaded into a model that has one layer more"
    cures = ("partial",)
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {"partial": {"verdict": "changed", "reasons": ["keys_added"]}},
    }

    def before(self):
        import torch

        return _network([("encoder", torch.nn.Linear(6, 5)), ("head", torch.nn.Linear(5, 3))])

    def after(self):
        import torch

        return _network(
            [
                ("encoder", torch.nn.Linear(6, 5)),
                ("norm", torch.nn.LayerNorm(5)),
                ("head", torch.nn.Linear(5, 3)),
            ]
        )


class ArchUnexpectedKeys(_Architecture):
    """A layer was removed: the file has one that the model has no place for."""

    name = "arch_unexpected_keys"
    title = "State dict loaded into a model that has one layer less"
    cures = ("partial",)
    expect = {
        "verdict": "failed",
        "reasons": ["unexpected_keys"],
        "modes": {"partial": {"verdict": "changed", "reasons": ["keys_missing"]}},
    }

    def before(self):
        import torch

        return _network(
            [
                ("encoder", torch.nn.Linear(6, 5)),
                ("norm", torch.nn.LayerNorm(5)),
                ("head", torch.nn.Linear(5, 3)),
            ]
        )

    def after(self):
        import torch

        return _network([("encoder", torch.nn.Linear(6, 5)), ("head", torch.nn.Linear(5, 3))])


class ArchSizeMismatch(_Architecture):
    """Another number of classes. ``strict=False`` is no cure: sizes are compared all the same."""

    name = "arch_size_mismatch"
    title = "State dict loaded into a model whose last layer has another size"
    cures = ("partial",)
    expect = {"verdict": "failed", "reasons": ["size_mismatch"]}

    def before(self):
        import torch

        return _network([("encoder", torch.nn.Linear(6, 5)), ("head", torch.nn.Linear(5, 10))])

    def after(self):
        import torch

        return _network([("encoder", torch.nn.Linear(6, 5)), ("head", torch.nn.Linear(5, 3))])


class ArchReorderedSameShapes(_Architecture):
    """Two layers of one shape changed places, and keys are numbers: each gets the other's."""

    name = "arch_reordered_same_shapes"
    title = "State dict loaded into a model whose equal layers changed places"
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def _layers(self, *order):
        import torch

        layers = {"encode": torch.nn.Linear(6, 6), "decode": torch.nn.Linear(6, 6)}
        # Sequential numbers its layers by their place.
        model = inputs.fill(torch.nn.Sequential(*[layers[role] for role in order]))
        model.roles = order
        return model

    def before(self):
        return self._layers("encode", "decode")

    def after(self):
        return self._layers("decode", "encode")

    def observe(self, obj):
        """By what the layers are for, which is all that stayed the same."""
        layers = dict(zip(obj.roles, obj))
        return observe.observe({role: dict(layers[role].state_dict()) for role in sorted(layers)})

    def forward(self, obj):
        import torch

        layers = dict(zip(obj.roles, obj))
        with torch.no_grad():
            code = layers["encode"](inputs.numbers(3, 6, device=self.device))
            return layers["decode"](torch.tanh(code))


class ArchChangedActivation(_Architecture):
    """An activation has no parameters: nothing in the file says which one it was."""

    name = "arch_changed_activation"
    title = "State dict loaded into a model with another activation"
    expect = {"verdict": "changed", "reasons": ["forward_differs"]}

    def before(self):
        import torch

        return _network(
            [
                ("encoder", torch.nn.Linear(6, 5)),
                ("activation", torch.nn.Tanh()),
                ("head", torch.nn.Linear(5, 3)),
            ]
        )

    def after(self):
        import torch

        return _network(
            [
                ("encoder", torch.nn.Linear(6, 5)),
                ("activation", torch.nn.Sigmoid()),
                ("head", torch.nn.Linear(5, 3)),
            ]
        )


class ArchChangedHeads(_Architecture):
    """The number of attention heads is an argument that no parameter's shape shows."""

    name = "arch_changed_heads"
    title = "State dict loaded into attention with another number of heads"
    expect = {"verdict": "changed", "reasons": ["forward_differs"]}

    def _attention(self, heads):
        import torch

        return inputs.fill(torch.nn.MultiheadAttention(8, heads).eval())

    def before(self):
        return self._attention(2)

    def after(self):
        return self._attention(4)

    def forward(self, obj):
        import torch

        query = inputs.numbers(5, 2, 8, device=self.device)
        with torch.no_grad():
            return obj(query, query, query, need_weights=False)[0]
