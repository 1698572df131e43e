"""Small objects of Python's, each alone: what weights_only says of it hides behind no other."""

import collections
import decimal
import functools
import re

from ckptcell.beside import BesideTensor
from ckptcell.cases.base import Case

__all__ = [
    "PyClass",
    "PyDecimal",
    "PyDeque",
    "PyPartial",
    "PyRange",
    "PyRegex",
    "PySet",
    "clip",
]


def clip(value, limit):
    """A function of the producer's own module."""
    return min(value, limit)


class _PyObject(BesideTensor, Case):
    """A dict of a tensor and an object of Python's."""

    family = "python"
    cures = ("allowlisted",)
    # What a file says in the modes between is what it says in these.
    modes = ("plain", "restricted", "trusted")
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class PyDeque(_PyObject):
    """The last losses; items are appended to it, which weights_only does to lists alone."""

    name = "py_deque"
    title = "Dict with a deque"

    def extra(self):
        return collections.deque([0.5, 0.25], maxlen=4)


class PyPartial(_PyObject):
    """A function with one of its arguments given, as schedules and collate functions are."""

    name = "py_partial"
    title = "Dict with a functools.partial"

    def extra(self):
        return functools.partial(clip, limit=3.0)


class PyDecimal(_PyObject):
    """A number without rounding."""

    name = "py_decimal"
    title = "Dict with a decimal.Decimal"

    def extra(self):
        return decimal.Decimal("0.1")


class PyRegex(_PyObject):
    """How a tokeniser splits: it is pickled as a call of ``re._compile``."""

    name = "py_regex"
    title = "Dict with a compiled regular expression"

    def extra(self):
        return re.compile("[a-z]+|[0-9]")

    def observe(self, obj):
        from ckptcell import observe

        pattern = obj["extra"]
        seen = {"pattern": pattern.pattern, "flags": int(pattern.flags)}
        return observe.observe(dict(obj, extra=seen))


class PyClass(_PyObject):
    """Which type an option has."""

    name = "py_class"
    title = "Dict with the class int"

    def extra(self):
        return int


class PyRange(_PyObject):
    """Which layers are frozen."""

    name = "py_range"
    title = "Dict with a range and a slice"

    def extra(self):
        return [range(0, 12, 2), slice(0, 6)]


class PySet(_PyObject):
    """Refused under weights_only up to torch 2.5."""

    name = "py_set"
    title = "Dict with a set"
    expect = {}

    def extra(self):
        return {1, 2}
