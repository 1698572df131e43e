"""Dicts in dicts: what training frameworks and hubs put around a state dict."""

import argparse
import collections
import os
import shutil
import tempfile

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.torch_save import SavedLegacy

__all__ = [
    "Config",
    "HubUrl",
    "NestedConfig",
    "NestedConfigPlain",
    "NestedDefaultdict",
    "NestedHub",
    "NestedHubLegacy",
    "NestedHubPlain",
    "SafeGlobals",
    "Settings",
    "TorchDevice",
    "TorchObjects",
    "TorchVersionObject",
    "TorchVersionText",
]


class Settings(object):
    """A class of the user's, as people keep their settings in."""

    def __init__(self, rate, layers):
        self.rate = rate
        self.layers = layers


class Config(dict):
    """Settings as a dict of a class of the user's, of which there are many."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


class _Nested(Case):
    """A state dict and what is kept beside it."""

    family = "nested"

    def weights(self):
        """The state dict."""
        return collections.OrderedDict(
            [
                ("encoder.weight", inputs.numbers(3, 4, device=self.device)),
                ("encoder.bias", inputs.numbers(3, offset=1, device=self.device)),
            ]
        )


class NestedHub(_Nested):
    """As Lightning and argparse leave it: hyper-parameters are no dict of numbers."""

    name = "nested_hub"
    title = "State dict among hyper-parameters, callbacks and an argparse.Namespace"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        args = argparse.Namespace(lr=0.01, layers=[64, 32], resume=None, amp=True)
        return {
            "epoch": 7,
            "global_step": 2048,
            "pytorch-lightning_version": "1.9.5",
            "state_dict": self.weights(),
            "loops": {"fit_loop": {"state_dict": {}, "total_ready": 8}},
            "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best": float("inf")}},
            "lr_schedulers": [{"milestones": collections.Counter({30: 1, 60: 1}), "gamma": 0.1}],
            "hparams_name": "kwargs",
            "hyper_parameters": {"args": args, "classes": ("cat", "dog"), "seen": {1, 2}},
        }


class NestedHubLegacy(SavedLegacy, NestedHub):
    """Names of Python's own library, which are older than torch."""

    name = "nested_hub_legacy"
    title = "State dict among hyper-parameters and callbacks in the legacy stream format"
    format = "legacy"
    modes = None
    # What a file asks for is looked up in a zip file only.
    cures = ()
    variant_of = "nested_hub"
    cure = "legacy_format"


class NestedDefaultdict(_Nested):
    """Built by a call: since torch 2.13 no allowlist makes it one that weights_only fills."""

    name = "nested_defaultdict"
    title = "State dict beside a defaultdict of metrics"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        metrics = collections.defaultdict(list, {"loss": [0.5, 0.25]})
        return {"state_dict": self.weights(), "metrics": metrics}


class NestedConfig(_Nested):
    """Of a class derived from dict: since torch 2.13 no allowlist makes it one that is filled."""

    name = "nested_config"
    title = "State dict beside settings in a class derived from dict"
    cures = ("allowlisted",)
    modes = ("plain", "restricted", "trusted")
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        return {"state_dict": self.weights(), "config": Config(rate=0.01, layers=[64, 32])}


class NestedConfigPlain(_Nested):
    """The same settings in a dict."""

    name = "nested_config_plain"
    title = "State dict beside settings made a dict before saving"
    modes = ("plain", "restricted", "trusted")
    variant_of = "nested_config"
    cure = "plain_values"

    def make(self):
        settings = Config(rate=0.01, layers=[64, 32])
        return {"state_dict": self.weights(), "config": dict(settings)}


class NestedHubPlain(_Nested):
    """The same as dicts, lists and numbers: nothing of it has to be trusted."""

    name = "nested_hub_plain"
    title = "State dict among hyper-parameters and callbacks, all of plain values"
    variant_of = "nested_hub"
    cure = "plain_values"

    def make(self):
        return {
            "epoch": 7,
            "global_step": 2048,
            "pytorch-lightning_version": "1.9.5",
            "state_dict": self.weights(),
            "loops": {"fit_loop": {"state_dict": {}, "total_ready": 8}},
            "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best": float("inf")}},
            "lr_schedulers": [{"milestones": {30: 1, 60: 1}, "gamma": 0.1}],
            "hparams_name": "kwargs",
            "hyper_parameters": {"lr": 0.01, "layers": [64, 32], "classes": ["cat", "dog"]},
        }


class SafeGlobals(_Nested):
    """Refused until its class is declared safe, or all of the file is trusted."""

    name = "safe_globals"
    title = "State dict beside an object of a class of the user's"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        return {"state_dict": self.weights(), "settings": Settings(0.01, [64, 32])}


class TorchVersionObject(_Nested):
    """``torch.__version__`` is an object of a class of torch's since 1.10, and not a text."""

    name = "torch_version_object"
    title = "State dict beside torch.__version__"
    cures = ("allowlisted",)
    needs = ("torch.torch_version.TorchVersion",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        import torch

        return {"state_dict": self.weights(), "torch": torch.__version__}


class TorchVersionText(_Nested):
    """The same as a text."""

    name = "torch_version_text"
    title = "State dict beside str(torch.__version__)"
    variant_of = "torch_version_object"
    cure = "plain_values"

    def make(self):
        import torch

        # str() of a TorchVersion is the object itself in some versions.
        return {"state_dict": self.weights(), "torch": "".join(torch.__version__)}


class TorchObjects(_Nested):
    """Words of torch's own that settings are made of."""

    name = "torch_objects"
    title = "State dict beside a dtype, a device, a size, a layout and a quantisation scheme"

    def make(self):
        import torch

        return {
            "state_dict": self.weights(),
            "dtypes": [torch.float32, torch.bfloat16, torch.bool, torch.uint8],
            "device": torch.device("cpu"),
            "shape": torch.Size([3, 4]),
            "layout": torch.strided,
            "scheme": torch.per_tensor_affine,
        }


class TorchDevice(_Nested):
    """Alone: a dtype beside it is refused before it. weights_only knows it since torch 2.4."""

    name = "torch_device"
    title = "State dict beside a torch.device"
    modes = ("plain", "restricted", "trusted")

    def make(self):
        import torch

        return {"state_dict": self.weights(), "device": torch.device("cpu")}


class HubUrl(_Nested):
    """Fetched as a hub does it, which looks at the file's format before ``torch.load`` does."""

    name = "hub_url"
    title = "State dict fetched by torch.hub.load_state_dict_from_url"
    modes = ("plain", "mapped")
    loader = ("torch.hub.load_state_dict_from_url",)

    def make(self):
        return self.weights()

    def load(self, path, mode):
        import torch

        folder = tempfile.mkdtemp()
        try:
            return torch.hub.load_state_dict_from_url(
                "file://" + os.path.abspath(path),
                model_dir=folder,
                map_location=None if mode == "plain" else self.device,
                progress=False,
            )
        finally:
            shutil.rmtree(folder)
