"""Whole modules that are more than their layers: hooks, parametrisations, programs inside."""

from ckptcell import inputs, observe
from ckptcell.cases.base import Case, Unsupported
from ckptcell.whole import StateOfModule, WholeModule, run

__all__ = [
    "ModuleFx",
    "ModuleFxStateDict",
    "ModuleParametrized",
    "ModuleParametrizedStateDict",
    "ModuleQuantizedDynamic",
    "ModuleScriptedInside",
    "ModuleSparsifier",
    "ModuleSparsifierStateDict",
    "ModuleSpectralNorm",
    "ModuleWeightNorm",
    "ModuleWeightNormStateDict",
]


class _Wrapped(WholeModule, Case):
    """Saved whole."""

    family = "module"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class ModuleWeightNorm(_Wrapped):
    """The weight is computed by a hook from its length and direction before each pass."""

    name = "module_weight_norm"
    title = "Whole linear layer with torch.nn.utils.weight_norm"
    needs = ("torch.nn.utils.weight_norm",)

    def build(self):
        import torch

        return torch.nn.utils.weight_norm(torch.nn.Linear(4, 3))


class ModuleWeightNormStateDict(StateOfModule, ModuleWeightNorm):
    """Length and direction; loaded into the parametrisation that took the hook's place.

    Where there is none, before torch 2.1, into the same hook (pytorch#103001).
    """

    name = "module_weight_norm_state_dict"
    title = "State dict of a weight-normed layer, loaded into the consumer's own kind of it"
    cures = ()
    variant_of = "module_weight_norm"
    cure = "state_dict"
    expect = {}

    def load(self, path, mode):
        import importlib

        import torch

        from ckptcell import modes

        try:
            newer = importlib.import_module("torch.nn.utils.parametrizations")
        except ImportError:
            newer = torch.nn.utils
        norm = getattr(newer, "weight_norm", torch.nn.utils.weight_norm)
        module = norm(torch.nn.Linear(4, 3))
        module.load_state_dict(modes.torch_load(path, mode, self.device))
        return module.eval().to(self.device)

    def observe(self, obj):
        from ckptcell import observe

        # The names of the two differ; what they stand for does not.
        found = dict(obj.named_parameters())
        first, second = "parametrizations.weight.original0", "parametrizations.weight.original1"
        named = {
            "length": found.get("weight_g", found.get(first)),
            "direction": found.get("weight_v", found.get(second)),
            "bias": found["bias"],
        }
        return observe.observe(named)


class ModuleSpectralNorm(_Wrapped):
    """A hook with buffers of its own, which a pass in training mode would change."""

    name = "module_spectral_norm"
    title = "Whole linear layer with torch.nn.utils.spectral_norm"
    needs = ("torch.nn.utils.spectral_norm",)

    def build(self):
        import torch

        return torch.nn.utils.spectral_norm(torch.nn.Linear(4, 3))


class ModuleSparsifier(Case):
    """Its package was torch.ao.sparsity and is torch.ao.pruning since torch 1.13."""

    name = "module_sparsifier"
    family = "module"
    title = "Sparsifier of torch.ao before it has a model"
    modes = ("plain", "restricted", "trusted")
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def sparsifier(self):
        """The class, wherever this torch has it."""
        import importlib

        for home in ("torch.ao.pruning", "torch.ao.sparsity"):
            try:
                return importlib.import_module(home).WeightNormSparsifier
            except ImportError:
                continue
        msg = "torch.ao has no sparsifiers here"
        raise Unsupported(msg)

    def make(self):
        return self.sparsifier()(sparsity_level=0.25, sparse_block_shape=(1, 2))

    def observe(self, obj):
        # Its fields; where its class lives is torch's.
        return observe.observe({"defaults": dict(obj.defaults), "state": dict(obj.state)})


class ModuleSparsifierStateDict(ModuleSparsifier):
    """What it was made with, and its state."""

    name = "module_sparsifier_state_dict"
    title = "Settings and state dict of a sparsifier of torch.ao"
    variant_of = "module_sparsifier"
    cure = "state_dict"
    expect = {}

    def save(self, path):
        import torch

        made = self.make()
        obj = {"defaults": dict(made.defaults), "state": dict(made.state)}
        torch.save(obj, path)
        return obj

    def observe(self, obj):
        return observe.observe(obj)


class ModuleFx(_Wrapped):
    """Its code is in the file as a text, and is traced again where it is loaded."""

    name = "module_fx"
    title = "Whole module traced by torch.fx"
    needs = ("torch.fx.symbolic_trace",)

    def plain(self):
        """The module before it is traced, with the same names of parameters."""
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))

    def build(self):
        import torch

        return torch.fx.symbolic_trace(self.plain())


class ModuleFxStateDict(StateOfModule, ModuleFx):
    """Its parameters, loaded into the module that was traced."""

    name = "module_fx_state_dict"
    title = "State dict of a module traced by torch.fx"
    cures = ()
    variant_of = "module_fx"
    cure = "state_dict"
    expect = {}

    def build(self):
        return self.plain()


class _Unpicklable(WholeModule, Case):
    """Cannot be saved whole anywhere, and torch says so when it is tried."""

    family = "module"
    modes = ("plain", "trusted")
    expect = {"verdict": "failed", "reasons": ["unpicklable"]}

    def example(self, device):
        return inputs.numbers(3, 4, device=device)


class ModuleParametrized(_Unpicklable):
    """Its class is made when the parametrisation is registered, and cannot be saved by name."""

    name = "module_parametrized"
    title = "Whole linear layer with a parametrised weight"
    needs = ("torch.nn.utils.parametrizations.orthogonal",)

    def build(self):
        import torch

        return torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(4, 4))


class ModuleParametrizedStateDict(StateOfModule, ModuleParametrized):
    """What torch advises instead."""

    name = "module_parametrized_state_dict"
    title = "State dict of a linear layer with a parametrised weight"
    loader = ("torch.nn.utils.parametrizations.orthogonal",)
    modes = None
    variant_of = "module_parametrized"
    cure = "state_dict"
    expect = {}


class ModuleScriptedInside(_Unpicklable):
    """A program among the layers: it can only be saved by ``torch.jit.save``."""

    name = "module_scripted_inside"
    title = "Whole module with a scripted layer inside"
    needs = ("torch.jit.script",)

    def build(self):
        import torch

        return torch.nn.Sequential(torch.jit.script(torch.nn.Linear(4, 4)), torch.nn.ReLU())


class ModuleQuantizedDynamic(_Wrapped):
    """Classes that moved from torch.nn.quantized to torch.ao.nn.quantized."""

    name = "module_quantized_dynamic"
    title = "Whole linear layer with dynamically quantised weights"
    needs = ("torch.quantization.quantize_dynamic",)

    def make(self):
        import torch

        module = inputs.fill(torch.nn.Sequential(torch.nn.Linear(4, 4))).eval()
        return torch.quantization.quantize_dynamic(module)

    def forward(self, obj):
        # Not asked for its parameters, which torch 1.7 cannot list after loading; it has no place
        # but the CPU.
        return run(obj, self.example("cpu"))
