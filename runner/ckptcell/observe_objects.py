"""Facts about objects of plain Python: scalars, paths, enums, dates, anything with fields."""

import argparse
import datetime as dt
import decimal
import enum
import fractions
import functools
import pathlib
import types
import uuid

from ckptcell.encoding import class_name, integer, number, octets, text

__all__ = ["attributes", "fields_of", "key", "scalar", "value"]

#: Longest key that is part of a path as it is.
LONGEST_KEY = 200

_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    type(str.join),
)


def scalar(obj):
    """Facts about a scalar, or None for anything else.

    Returns:
        The fields of a leaf, and its children, of which there are none.
    """
    kind = type(obj)
    if obj is None:
        return {"type": "none", "value": None}, []
    if obj is Ellipsis:
        return {"type": "ellipsis", "value": "..."}, []
    if kind is bool:
        return {"type": "bool", "value": obj}, []
    for base, encode in _ENCODERS:
        if kind is base:
            return {"type": base.__name__, "value": encode(obj)}, []
    return None


def _complex(obj):
    return [number(obj.real), number(obj.imag)]


_ENCODERS = ((int, integer), (float, number), (str, text), (bytes, octets), (complex, _complex))


def value(obj):
    """Facts about an object that stands for one value, or None for anything else."""
    for base, kind, encode in _VALUES:
        if isinstance(obj, base):
            fields = {"type": kind, "class": class_name(type(obj)), "value": encode(obj)}
            return fields, attributes(obj) if base in _SCALARS else []
    if isinstance(obj, type):
        return {"type": "class", "value": text(class_name(obj))}, []
    if isinstance(obj, types.MethodType):
        children = [(".__self__", obj.__self__)]
        return {"type": "function", "value": text(class_name(obj))}, children
    if isinstance(obj, _FUNCTIONS):
        return {"type": "function", "value": text(class_name(obj))}, []
    return None


def _shown(obj):
    return text(str(obj))


def _name(member):
    return text(member.name)


def _microseconds(delta):
    return integer(delta // dt.timedelta(microseconds=1))


def _zone(zone):
    return text(str(getattr(zone, "key", zone)))


def _time(moment):
    zone = "" if moment.tzinfo is None else " " + str(_zone(moment.tzinfo))
    return text(moment.isoformat() + zone)


def _date(day):
    return text(day.isoformat())


# The first that fits counts: a datetime is a date, an IntEnum is an int. Flags come by value, for a
# combination of them has a name only from Python 3.11 on.
_VALUES = (
    (enum.Flag, "enum", lambda member: integer(member.value)),
    (enum.Enum, "enum", _name),
    (pathlib.PurePath, "path", _shown),
    (dt.datetime, "datetime", _time),
    (dt.date, "datetime", _date),
    (dt.time, "datetime", _time),
    (dt.timedelta, "datetime", _microseconds),
    (dt.tzinfo, "datetime", _zone),
    (decimal.Decimal, "str", _shown),
    (fractions.Fraction, "str", _shown),
    (uuid.UUID, "str", _shown),
    (bytearray, "bytes", octets),
) + tuple((base, base.__name__, encode) for base, encode in _ENCODERS)
_SCALARS = tuple(base for base, _ in _ENCODERS)


def key(obj, index):
    """How a key of a dict is shown.

    Args:
        obj: The key.
        index: Its position, which tells apart keys that have no text of their own.

    Returns:
        Its name in ``keys``, and its step in paths.
    """
    if type(obj) is str:
        shown = text(obj)
        name = shown if isinstance(shown, str) else "%s… %s" % (shown["head"], shown["sha256"])
        step = ascii(name)
        if len(name) > LONGEST_KEY:
            step = "%s… %d" % (ascii(name[:LONGEST_KEY]), index)
        return name, "[%s]" % step
    shown = _key_text(obj)
    if shown is None or len(shown) > LONGEST_KEY:
        shown = "<%s %d>" % (class_name(type(obj)), index)
    return shown, "[%s]" % shown


def _key_text(obj):
    kind = type(obj)
    if obj is None or kind in (bool, int, float, str, bytes, complex):
        return ascii(obj)
    if kind is tuple:
        parts = [_key_text(item) for item in obj]
        if None not in parts:
            return "(%s%s)" % (", ".join(parts), "," if len(parts) == 1 else "")
    if isinstance(obj, enum.Enum):
        return "%s.%s" % (class_name(kind), obj.name)
    if kind.__module__ == "numpy" and hasattr(obj, "item"):
        return "%s(%s)" % (class_name(kind), ascii(obj.item()))
    return None


def attributes(obj):
    """What an object has in its ``__dict__``, by name."""
    own = getattr(obj, "__dict__", None)
    if not isinstance(own, dict):
        return []
    return [("." + name, own[name]) for name in sorted(own) if isinstance(name, str)]


def fields_of(obj):
    """Facts about any other object, and its fields.

    Returns:
        The fields of a leaf, and ``(step, child)`` pairs. An object whose state Python code cannot
        see whole is ``unobservable``.
    """
    name = class_name(type(obj))
    if isinstance(obj, (types.SimpleNamespace, argparse.Namespace)):
        return {"type": "object", "class": name}, attributes(obj)
    if isinstance(obj, functools.partial):
        children = [(".func", obj.func), (".args", obj.args), (".keywords", obj.keywords)]
        return {"type": "object", "class": name}, children + attributes(obj)
    if isinstance(obj, (slice, range)):
        children = [("." + part, getattr(obj, part)) for part in ("start", "stop", "step")]
        return {"type": "object", "class": name}, children
    if isinstance(obj, BaseException):
        return {"type": "object", "class": name}, [(".args", obj.args)] + attributes(obj)
    if isinstance(obj, types.ModuleType) or not _is_python(type(obj)):
        return {"type": "unobservable", "class": name, "note": "kind"}, []
    children = attributes(obj)
    seen = {step for step, _ in children}
    for slot in sorted(_slots(type(obj))):
        if "." + slot not in seen and hasattr(obj, slot):
            children.append(("." + slot, getattr(obj, slot)))
    return {"type": "object", "class": name}, children


def _is_python(kind):
    """Whether all state of its objects is in ``__dict__`` and ``__slots__``.

    A class written in C, or derived from one, may keep state where nobody sees it. It is known by
    its size, or by a root class that has none of the marks the ``class`` statement leaves.
    """
    word = tuple.__itemsize__
    bare = object.__basicsize__
    if kind.__basicsize__ > bare + word * (len(_slots(kind)) + 2):
        return False
    marks = {"__dict__", "__slots__", "__weakref__"}
    return all(
        base.__base__ is not object or base.__basicsize__ == bare or marks & set(vars(base))
        for base in kind.__mro__[:-1]
    )


def _slots(kind):
    names = set()
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            private = name.startswith("__") and not name.endswith("__")
            names.add("_%s%s" % (base.__name__.lstrip("_"), name) if private else name)
    return names
