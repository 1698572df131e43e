"""Objects of Python's own in a checkpoint: settings, dates, records."""

import collections
import datetime as dt
import enum
import pathlib

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["Phase", "PyDatetime", "PyEnum", "PyNamedtuple", "PyPath", "Sample"]

Sample = collections.namedtuple("Sample", "weight label")  # noqa: PYI024 - needs no annotations


class Phase(enum.Enum):
    """A setting people keep beside their weights."""

    WARMUP = 1
    STEADY = 2


class _PyObject(Case):
    """A dict of a tensor and an object of Python's."""

    family = "python"
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def extra(self):
        """The object."""
        raise NotImplementedError(self.name)

    def make(self):
        return {"weight": inputs.numbers(2, 3, device=self.device), "extra": self.extra()}


class PyPath(_PyObject):
    """Python 3.13 pickles paths as ``pathlib._local``, unknown before (cpython#133831)."""

    name = "py_path"
    title = "Dict with a pathlib.Path"

    def extra(self):
        return pathlib.Path("/data") / "train" / "images"


class PyNamedtuple(_PyObject):
    """A class of the producer's own module."""

    name = "py_namedtuple"
    title = "Dict with a named tuple"

    def extra(self):
        return Sample(weight=0.5, label="cat")


class PyDatetime(_PyObject):
    """When and for how long."""

    name = "py_datetime"
    title = "Dict with a date and a duration"

    def extra(self):
        saved = dt.datetime(2020, 2, 29, 12, 30, 15, 250, tzinfo=dt.timezone.utc)
        return {"saved": saved, "took": dt.timedelta(days=1, microseconds=5)}


class PyEnum(_PyObject):
    """A member of the producer's own enumeration."""

    name = "py_enum"
    title = "Dict with a member of an Enum"

    def extra(self):
        return Phase.STEADY
