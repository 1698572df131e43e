"""Objects of Python's own that not every Python has, or not on every system."""

import collections
import contextlib
import enum
import importlib
import inspect
import pathlib

from ckptcell.beside import BesideTensor
from ckptcell.cases.base import Case
from ckptcell.reduced import Reduced

__all__ = [
    "PyCgi",
    "PyCollectionsAbc",
    "PyDataclassSlots",
    "PyDistutils",
    "PyFractionsGcd",
    "PyImp",
    "PyStrenum",
    "PyWindowsPath",
    "PyWindowsPathAsStr",
]

# What people write where Python has such a class, and leave out where it has none.
_STR_ENUM = getattr(enum, "StrEnum", None)
if _STR_ENUM is not None:
    Split = _STR_ENUM("Split", [("TRAIN", "train"), ("TEST", "test")], module=__name__)


def _with_slots_where_there_are(kind):
    """The class as a dataclass, with ``slots=True`` where Python knows that: from 3.10 on."""
    try:
        dataclass = importlib.import_module("dataclasses").dataclass
    except ImportError:
        return kind
    has_slots = "slots" in inspect.signature(dataclass).parameters
    return dataclass(slots=True)(kind) if has_slots else dataclass(kind)


@_with_slots_where_there_are
class Crop(object):
    """What a library declares that supports several Pythons."""

    width: int = 256
    height: int = 256


class _Object(BesideTensor, Case):
    """A dict of a tensor and an object."""

    family = "python"
    # What a file says in the modes between is what it says in these.
    modes = ("plain", "restricted", "trusted")


class _PyObject(_Object):
    """One that weights_only does not know."""

    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class PyWindowsPath(_Object):
    """What a script on Windows saves, whoever loads it (RCVLab-AiimLab/crowd_counting#3)."""

    name = "py_windows_path"
    title = "Dict with a pathlib.WindowsPath, as Windows saves it"
    # Python 3.13 calls its module pathlib._local, which older ones do not have.
    expect = {
        "verdict": "failed",
        "reasons": ["load_error", "missing_global", "weights_only_refused"],
    }

    def extra(self):
        return pathlib.PureWindowsPath("C:\\data", "train")

    def save(self, path):
        import torch

        obj = self.make()
        called = Reduced(pathlib.WindowsPath, obj["extra"].parts)
        torch.save({"weight": obj["weight"], "extra": called}, path)
        return obj


class PyWindowsPathAsStr(_Object):
    """The same as a text."""

    name = "py_windows_path_as_str"
    title = "Dict with a path of Windows made a text before saving"
    variant_of = "py_windows_path"
    cure = "plain_values"

    def extra(self):
        return str(pathlib.PureWindowsPath("C:\\data", "train"))


class PyDistutils(_PyObject):
    """How versions were compared; Python 3.12 has no distutils, and setuptools brings one."""

    name = "py_distutils"
    title = "Dict with a distutils.version.LooseVersion"
    needs = ("distutils.version.LooseVersion",)

    def extra(self):
        return importlib.import_module("distutils.version").LooseVersion("1.7.1")


class PyImp(_PyObject):
    """A module that Python 3.12 does not have any more."""

    name = "py_imp"
    title = "Dict with a function of the module imp"
    needs = ("imp.find_module",)

    def extra(self):
        return importlib.import_module("imp").find_module


class PyCgi(_PyObject):
    """A module that Python 3.13 does not have any more (PEP 594)."""

    name = "py_cgi"
    title = "Dict with a function of the module cgi"
    needs = ("cgi.parse_header",)

    def extra(self):
        return importlib.import_module("cgi").parse_header


class PyFractionsGcd(_PyObject):
    """A function that became ``math.gcd``, and is gone from its old place since Python 3.9."""

    name = "py_fractions_gcd"
    title = "Dict with the function fractions.gcd"
    needs = ("fractions.gcd",)

    def extra(self):
        return importlib.import_module("fractions").gcd


@contextlib.contextmanager
def _named(kind, module, name):
    """For as long as this lasts, the class is found in a module under a name, and says so."""
    before = vars(module).get(name)
    kind.__module__, kind.__qualname__ = module.__name__, name
    setattr(module, name, kind)
    try:
        yield
    finally:
        delattr(module, name)
        if before is not None:
            setattr(module, name, before)


class PyCollectionsAbc(_PyObject):
    """As Python 2.7 names it: gone from ``collections`` since Python 3.10."""

    name = "py_collections_abc"
    title = "Dict with the class collections.Mapping, by its old name"
    needs = ("collections.Mapping",)

    def extra(self):
        return importlib.import_module("collections.abc").Mapping

    def save(self, path):
        import torch

        obj = self.make()
        written = type("Mapping", (), {})
        with _named(written, collections, "Mapping"):
            torch.save({"weight": obj["weight"], "extra": written}, path)
        return obj


class PyStrenum(_PyObject):
    """Its class is only there where Python is 3.11 or newer."""

    name = "py_strenum"
    title = "Dict with a member of a StrEnum"
    needs = ("enum.StrEnum",)

    def extra(self):
        return Split.TRAIN


class PyDataclassSlots(_PyObject):
    """Its state is a dict where it has no slots, which one with slots cannot be given."""

    name = "py_dataclass_slots"
    title = "Dict with a dataclass that has slots from Python 3.10 on"
    needs = ("dataclasses",)

    def extra(self):
        made = Crop()
        made.width = 224
        return made
