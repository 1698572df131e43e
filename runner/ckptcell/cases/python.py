"""Objects of Python's own in a checkpoint: settings, dates, records."""

import argparse
import collections
import datetime as dt
import enum
import functools
import importlib
import pathlib
import types
import uuid

from ckptcell.beside import BesideTensor
from ckptcell.cases.base import Case, Unsupported

__all__ = [
    "Phase",
    "PyBytes",
    "PyCollections",
    "PyComplex",
    "PyDataclass",
    "PyDatetime",
    "PyEnum",
    "PyFunction",
    "PyNamedtuple",
    "PyNamespace",
    "PyPath",
    "PyPathAsStr",
    "PyRandom",
    "PySets",
    "PyZoneinfo",
    "Sample",
    "Settings",
    "halve",
]

Sample = collections.namedtuple("Sample", "weight label")  # noqa: PYI024 - needs no annotations


class Phase(enum.Enum):
    """A setting people keep beside their weights."""

    WARMUP = 1
    STEADY = 2


def _as_dataclass(kind):
    """The class as a dataclass, where Python has those: from 3.7 on."""
    try:
        return importlib.import_module("dataclasses").dataclass(kind)
    except ImportError:
        return kind


@_as_dataclass
class Settings(object):
    """What people write with ``@dataclass``."""

    width: int = 8
    activation: str = "relu"


def halve(value):
    """A function of the producer's own module."""
    return value / 2


class _PyObject(BesideTensor, Case):
    """A dict of a tensor and an object of Python's."""

    family = "python"
    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class PyPath(_PyObject):
    """Python 3.13 pickles paths as ``pathlib._local``, unknown before (cpython#133831)."""

    name = "py_path"
    title = "Dict with a pathlib.Path"

    def extra(self):
        return pathlib.Path("/data") / "train" / "images"


class PyPathAsStr(PyPath):
    """What saving code should do with it."""

    name = "py_path_as_str"
    title = "Dict with a path made a text before saving"
    cures = ()
    variant_of = "py_path"
    cure = "plain_values"
    expect = {}

    def extra(self):
        return str(super(PyPathAsStr, self).extra())


class PyNamedtuple(_PyObject):
    """A class of the producer's own module."""

    name = "py_namedtuple"
    title = "Dict with a named tuple"

    def extra(self):
        return Sample(weight=0.5, label="cat")


class PyDataclass(_PyObject):
    """Settings as they are written today."""

    name = "py_dataclass"
    title = "Dict with a dataclass"
    needs = ("dataclasses",)

    def extra(self):
        made = Settings()
        made.width = 16
        return made


class PyNamespace(_PyObject):
    """The options of the command line, which many training scripts save."""

    name = "py_namespace"
    title = "Dict with an argparse.Namespace"

    def extra(self):
        return argparse.Namespace(lr=0.1, layers=[8, 4], options=types.SimpleNamespace(seed=3))


class PyDatetime(_PyObject):
    """When and for how long."""

    name = "py_datetime"
    title = "Dict with a date and a duration"

    def extra(self):
        saved = dt.datetime(2020, 2, 29, 12, 30, 15, 250, tzinfo=dt.timezone.utc)
        return {"saved": saved, "took": dt.timedelta(days=1, microseconds=5)}


class PyZoneinfo(_PyObject):
    """Time zones by name came with Python 3.9."""

    name = "py_zoneinfo"
    title = "Dict with a date in a time zone"
    needs = ("zoneinfo.ZoneInfo",)

    def extra(self):
        kind = importlib.import_module("zoneinfo").ZoneInfo
        try:
            zone = kind("Europe/Lisbon")
        except Exception as error:
            msg = "there are no time zones on this machine: {}".format(error)
            raise Unsupported(msg) from error
        return dt.datetime(2020, 2, 29, 12, 30, tzinfo=zone)


class PyEnum(_PyObject):
    """A member of the producer's own enumeration."""

    name = "py_enum"
    title = "Dict with a member of an Enum"

    def extra(self):
        return Phase.STEADY


class PyCollections(_PyObject):
    """Containers of the standard library, of which weights_only knows some."""

    name = "py_collections"
    title = "Dict with a defaultdict, a deque and a Counter"

    def extra(self):
        counts = collections.defaultdict(list)
        counts["cat"].append(3)
        recent = collections.deque([0.5, 0.25], maxlen=4)
        return {"index": counts, "recent": recent, "seen": collections.Counter("abca")}


class PySets(_PyObject):
    """Sets, and things named by a unique number."""

    name = "py_sets"
    title = "Dict with a set, a frozenset and a UUID"

    def extra(self):
        return [{1, 2}, frozenset(["a", "b"]), uuid.UUID(int=20)]


class PyComplex(_PyObject):
    """Refused under weights_only up to torch 2.5 (pytorch#141537)."""

    name = "py_complex"
    title = "Dict with a complex number"
    cures = ()
    expect = {}

    def extra(self):
        return 1.5 - 2j


class PyBytes(_PyObject):
    """In the protocol torch uses they are a text that is encoded (pytorch#133163)."""

    name = "py_bytes"
    title = "Dict with bytes and a bytearray"
    cures = ()
    expect = {}

    def extra(self):
        return [b"\x00\xff", bytearray(b"\x01\x02")]


class PyRandom(_PyObject):
    """What ``random.getstate`` gives: 625 numbers in a tuple."""

    name = "py_random"
    title = "Dict with Python's random state, and numbers drawn from it"
    state_is_all = True
    cures = ()
    expect = {}

    def extra(self):
        import random

        return random.Random(20).getstate()  # noqa: S311 - drawn to be compared

    def forward(self, obj):
        import random

        source = random.Random()  # noqa: S311 - as above
        source.setstate(obj["extra"])
        return [source.random() for _ in range(4)]


class PyFunction(_PyObject):
    """A function by its name, alone and with an argument given."""

    name = "py_function"
    title = "Dict with a function and a functools.partial"

    def extra(self):
        return [halve, functools.partial(halve, 3.0)]
