"""What wrappers put before every key of a state dict."""

from ckptcell import cures, inputs, modes, observe
from ckptcell.cases.base import Case

__all__ = ["PrefixModule", "PrefixModuleAbsent", "PrefixOrigMod"]


class _Prefix(Case):
    """A state dict whose keys are those of the wrapped model, or should be.

    ``partial`` is tried as well because it is what people try: it loads, and loads nothing.
    """

    family = "user-mistakes"

    def saved(self, model):
        """What the model was wrapped in when it was saved."""
        return model

    def loading(self, model):
        """What it is wrapped in when it is loaded."""
        return model

    def _network(self):
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
        return model.eval().to(self.device)

    def save(self, path):
        import torch

        model = inputs.fill(self._network())
        torch.save(self.saved(model).state_dict(), path)
        return model

    def load(self, path, mode):
        import torch

        model = self._network()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        state = modes.torch_load(path, mode, self.device)
        cures.load_into(self.loading(model), state, mode)
        return model

    def observe(self, obj):
        return observe.observe(dict(obj.state_dict()))

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 6, device=self.device))


class PrefixModule(_Prefix):
    """Saved while wrapped for several devices, loaded bare."""

    name = "prefix_module"
    title = "State dict of a DataParallel model, loaded into the bare one"
    cures = ("stripped", "partial")
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {
            "stripped": {"verdict": "ok"},
            "partial": {"verdict": "changed", "reasons": ["values_differ"]},
        },
    }

    def saved(self, model):
        import torch

        return torch.nn.DataParallel(model)


class PrefixModuleAbsent(_Prefix):
    """Saved bare, loaded after the model was wrapped for several devices."""

    name = "prefix_module_absent"
    title = "State dict of a bare model, loaded into a DataParallel one"
    cures = ("prefixed", "partial")
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {
            "prefixed": {"verdict": "ok"},
            "partial": {"verdict": "changed", "reasons": ["values_differ"]},
        },
    }

    def loading(self, model):
        import torch

        return torch.nn.DataParallel(model)


class PrefixOrigMod(_Prefix):
    """Saved after ``torch.compile``, loaded bare (pytorch#101107).

    Only a torch that compiles makes such a file: one written by hand elsewhere would show nothing.
    """

    name = "prefix_orig_mod"
    title = "State dict of a compiled model, loaded into the plain one"
    needs = ("torch.compile",)
    cures = ("stripped", "partial")
    expect = {
        "verdict": "failed",
        "reasons": ["missing_keys"],
        "modes": {
            "stripped": {"verdict": "ok"},
            "partial": {"verdict": "changed", "reasons": ["values_differ"]},
        },
    }

    def saved(self, model):
        import torch

        # Wrapping is all that is wanted of it: the backend is not asked before the first call.
        return torch.compile(model, backend="eager")
