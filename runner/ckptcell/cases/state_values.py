"""State dicts whose values are, or become, something else than the model's parameters are."""

import inspect

from ckptcell import inputs, modes, observe
from ckptcell.cases.base import Case, Unsupported

__all__ = [
    "StateAssigned",
    "StateBufferAsParameter",
    "StateChannelsLast",
    "StateComplex",
    "StateFrozen",
    "StateNumpy",
    "StateOfSubclass",
    "StateSparse",
]


class _Values(Case):
    """A state dict made by hand, and the module of the loading code that it is put into."""

    family = "user-mistakes"
    modes = ("plain",)

    def layer(self):
        """The module, in torch's own dtype and layout."""
        import torch

        return torch.nn.Linear(3, 2)

    def state(self, layer):
        """What is saved of it."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        state = self.state(inputs.fill(self.layer()).to(self.device))
        torch.save(state, path)
        return state

    def put(self, layer, state):
        """Load the state into the module."""
        layer.load_state_dict(state)

    def load(self, path, mode):
        layer = self.layer().to(self.device)
        self.put(layer, modes.torch_load(path, mode, self.device))
        return layer.state_dict()

    def observe(self, obj):
        # What else a state dict carries is torch's, and of the version that made it.
        return observe.observe(dict(obj))


class StateNumpy(_Values):
    """As people have it who keep weights without torch (pytorch#70596)."""

    name = "state_numpy"
    title = "State dict of NumPy arrays, given to load_state_dict"
    modes = ("trusted",)
    needs = ("numpy",)
    # Torch before 1.12 calls their size, which is a number.
    expect = {"verdict": "failed", "reasons": ["not_a_state_dict", "load_error"]}

    def state(self, layer):
        return {key: value.cpu().numpy() for key, value in layer.state_dict().items()}


class StateSparse(_Values):
    """A pruned model's weights in sparse form, for the dense model."""

    name = "state_sparse"
    title = "State dict of sparse tensors, loaded into a dense module"
    expect = {"verdict": "failed", "reasons": ["layout_unsupported"]}

    def state(self, layer):
        import torch

        options = inspect.signature(torch.save).parameters
        if options["_use_new_zipfile_serialization"].default is False:
            # Their indices are checked before they are read (pytorch#33439).
            msg = "sparse tensors do not load in the format of this torch.save"
            raise Unsupported(msg)
        state = layer.state_dict()
        return {"weight": state["weight"].to_sparse(), "bias": state["bias"]}


class StateComplex(_Values):
    """Torch warns and drops the imaginary part."""

    name = "state_complex"
    title = "State dict of complex tensors, loaded into a real module"
    needs = ("torch.view_as_complex",)
    expect = {"verdict": "changed", "reasons": ["dtype_changed"]}

    def state(self, layer):
        import torch

        state = layer.state_dict()
        return {
            key: torch.view_as_complex(torch.stack([value, value / 2], -1))
            for key, value in state.items()
        }


class StateAssigned(_Values):
    """``assign`` is of torch 2.1: the module takes the file's tensors, and with them their dtype.

    What the person who loads has, a module in single precision, is what is compared with.
    """

    name = "state_assigned"
    title = "float64 state dict loaded into a float32 module with assign=True"
    expect = {"verdict": "changed", "reasons": ["dtype_changed"]}

    def state(self, layer):
        return {key: value.double() for key, value in layer.state_dict().items()}

    def save(self, path):
        state = super(StateAssigned, self).save(path)
        return {key: value.float() for key, value in state.items()}

    def put(self, layer, state):
        layer.load_state_dict(state, assign=True)

    def observe(self, obj):
        return observe.observe({"module": dict(obj)})


class StateFrozen(_Values):
    """A state dict has no ``requires_grad``: what was frozen is trained on."""

    name = "state_frozen"
    title = "State dict of a frozen module, loaded into a new one"
    expect = {"verdict": "changed", "reasons": ["flags_changed"]}

    def save(self, path):
        import torch

        layer = inputs.fill(self.layer()).to(self.device)
        for parameter in layer.parameters():
            parameter.requires_grad_(False)
        torch.save(layer.state_dict(), path)
        return dict(layer.named_parameters())

    def load(self, path, mode):
        layer = self.layer().to(self.device)
        layer.load_state_dict(modes.torch_load(path, mode, self.device))
        return dict(layer.named_parameters())


class StateBufferAsParameter(StateFrozen):
    """The code made a parameter of what was a buffer: the key is the same."""

    name = "state_buffer_as_parameter"
    title = "State dict with a buffer, loaded where it is a parameter"
    expect = {"verdict": "changed", "reasons": ["type_changed"]}

    def save(self, path):
        import torch

        layer = inputs.fill(self.layer()).to(self.device)
        layer.register_buffer("scale", inputs.numbers(2, offset=3, device=self.device))
        torch.save(layer.state_dict(), path)
        return layer

    def load(self, path, mode):
        import torch

        layer = self.layer()
        layer.scale = torch.nn.Parameter(torch.zeros(2))
        layer.to(self.device)
        layer.load_state_dict(modes.torch_load(path, mode, self.device))
        return layer

    def observe(self, obj):
        return observe.observe(dict(obj.state_dict(), scale=obj.scale))


class StateOfSubclass(_Values):
    """A parameter stays a plain one, whatever is copied into it."""

    name = "state_of_subclass"
    title = "State dict of a tensor subclass, loaded into a plain module"
    modes = ("trusted",)
    needs = ("torch.Tensor.as_subclass",)
    expect = {"verdict": "changed", "reasons": ["type_changed"]}

    def state(self, layer):
        from ckptcell import examples

        state = layer.state_dict()
        return {key: value.as_subclass(examples.Tagged) for key, value in state.items()}


class StateChannelsLast(_Values):
    """Values are copied into the memory the module has, in the order the module has them."""

    name = "state_channels_last"
    title = "State dict in channels_last, loaded into a module in torch's own order"
    expect = {"verdict": "changed", "reasons": ["layout_changed"]}

    def layer(self):
        import torch

        return torch.nn.Conv2d(3, 4, 3)

    def state(self, layer):
        import torch

        state = layer.state_dict()
        last = state["weight"].contiguous(memory_format=torch.channels_last)
        return {"weight": last, "bias": state["bias"]}
