"""What a task can leave behind in its process that would change the answer of the next one.

Measured: a jagged tensor that fails to load in a fresh process loads after another load has
imported what it needs; a poisoned pickle replaces ``torch.load`` for whoever comes next.
"""

import os
import sys
import threading

from ckptcell import files, kernel

__all__ = ["Fingerprint", "take"]

# Where loading keeps its functions and its registries. A replaced function is a changed one.
_MODULES = (
    "builtins",
    "collections",
    "copyreg",
    "io",
    "os",
    "pickle",
    "zipfile",
    "torch",
    "torch._tensor",
    "torch._utils",
    "torch._weights_only_unpickler",
    "torch.jit",
    "torch.jit._serialization",
    "torch.nn.modules.module",
    "torch.nn.parameter",
    "torch.package",
    "torch.serialization",
    "torch.storage",
    "torch.tensor",
)
_CLASSES = (
    ("torch", "Tensor"),
    ("torch.nn.modules.module", "Module"),
    ("torch.nn.parameter", "Parameter"),
)
_TABLES = (
    ("copyreg", "dispatch_table"),
    ("copyreg", "_extension_registry"),
    ("torch.serialization", "_package_registry"),
)
_SETTINGS = (
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_default_dtype",
    "get_num_threads",
    "is_grad_enabled",
    "is_inference_mode_enabled",
)


class Fingerprint(object):
    """State of a process at one moment. Equal to another when nothing that matters changed.

    Attributes:
        plain: What is compared by value.
        objects: What is compared by identity: a replaced function may call itself equal.
    """

    def __init__(self, plain, objects):
        self.plain = plain
        self.objects = objects

    def __eq__(self, other):
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return (
            self.plain == other.plain
            and self.objects.keys() == other.objects.keys()
            and all(other.objects[key] is value for key, value in self.objects.items())
        )

    __hash__ = None  # type: ignore[assignment]


def _settings():
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    return tuple(str(getattr(torch, name)()) for name in _SETTINGS if hasattr(torch, name))


def _safe_globals():
    serialization = sys.modules.get("torch.serialization")
    listed = getattr(serialization, "get_safe_globals", None)
    return frozenset(str(item) for item in listed()) if listed else frozenset()


def _attributes():
    found: dict = {}
    owners = [(name, sys.modules.get(name)) for name in _MODULES]
    owners += [
        ("{}.{}".format(module, name), getattr(sys.modules.get(module), name, None))
        for module, name in _CLASSES
    ]
    for where, owner in owners:
        for attribute, value in dict(getattr(owner, "__dict__", {})).items():
            # What copyreg notes on a class when it first meets an object of it.
            if attribute != "__slotnames__":
                found[(where, attribute)] = value
    for module, name in _TABLES:
        table = getattr(sys.modules.get(module), name, {})
        entries = table.items() if isinstance(table, dict) else enumerate(table)
        for key, value in list(entries):
            found[(module, name, key)] = value
    return found


def take(path):
    """The present state of this process.

    Args:
        path: The checkpoint the task works with; a task that writes to it changes the next one.
    """
    # Some settings import what they need when first asked, so they come before the names.
    settings = _settings()
    safe = _safe_globals()
    plain = (
        settings,
        safe,
        frozenset(name for name in list(sys.modules) if name.split(".")[0] != "ckptcell"),
        tuple(sys.path),
        len(sys.meta_path),
        dict(os.environ),
        os.getcwd(),
        threading.active_count(),
        kernel.has_children(),
        files.stamp(path),
    )
    return Fingerprint(plain, _attributes())
