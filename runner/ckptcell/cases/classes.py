"""Whole objects whose class is not there any more when they are loaded."""

import contextlib
import sys
import types

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["ClassInMain", "ClassMissing", "ClassPackageMissing", "ClassRenamed"]

#: The package of a repository that not everybody has.
_PROJECT = types.ModuleType("segmentation_project")


@contextlib.contextmanager
def _has(module, kind):
    """For as long as this lasts, ``module`` has the class ``kind``, which says so of itself."""
    kind.__module__ = module.__name__
    setattr(module, kind.__name__, kind)
    try:
        yield
    finally:
        delattr(module, kind.__name__)


def _block(name):
    """A layer of the user's own, of that name."""
    import torch

    def forward(self, value):
        return value + self.inner(value)

    # A pickle finds a class by its module and its name, which are given to it here.
    return type(name, (torch.nn.Module,), {"forward": forward, "__qualname__": name})


class _Class(Case):
    """A module of a class of the user's own, saved whole."""

    family = "user-mistakes"
    # Since 2.6 torch refuses a class it does not know before it asks whether there is one.
    expect = {
        "verdict": "failed",
        "reasons": ["missing_global", "weights_only_refused"],
        "modes": {
            "restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]},
            "trusted": {"verdict": "failed", "reasons": ["missing_global"]},
        },
    }

    def home(self):
        """The module that has the class while it is saved."""
        return sys.modules[__name__]

    def save(self, path):
        import torch

        block = _block("ResidualBlock")
        layer = block()
        layer.inner = torch.nn.Linear(4, 4)
        inputs.fill(layer).to(self.device)
        with _has(self.home(), block):
            torch.save(layer, path)
        return layer

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 4, device=self.device))


class ClassMissing(_Class):
    """Its module is there; the class was removed from it."""

    name = "class_missing"
    title = "Whole module whose class was removed from its module"


class ClassRenamed(_Class):
    """Its module has the class under another name."""

    name = "class_renamed"
    title = "Whole module whose class has another name now"

    def load(self, path, mode):
        with _has(self.home(), _block("ResidualBlockV2")):
            return super(ClassRenamed, self).load(path, mode)


class ClassInMain(_Class):
    """Saved from a script or a notebook: its class is in ``__main__``, which is another one."""

    name = "class_in_main"
    title = "Whole module whose class was defined in the script that saved it"

    def home(self):
        return sys.modules["__main__"]


class ClassPackageMissing(_Class):
    """The whole package is not there: the file was taken without the repository it belongs to."""

    name = "class_package_missing"
    title = "Whole module whose class is in a package that is not installed"
    expect = {
        "verdict": "failed",
        "reasons": ["missing_module", "weights_only_refused"],
        "modes": {
            "restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]},
            "trusted": {"verdict": "failed", "reasons": ["missing_module"]},
        },
    }

    def save(self, path):
        sys.modules[_PROJECT.__name__] = _PROJECT
        try:
            return super(ClassPackageMissing, self).save(path)
        finally:
            del sys.modules[_PROJECT.__name__]

    def home(self):
        return _PROJECT
