"""Facts about NumPy's arrays, scalars, dtypes and random generators."""

import hashlib
import sys

from ckptcell.encoding import class_name, integer, number, octets, text

__all__ = ["numpy_kind"]

# Booleans, integers, floats, complex numbers, texts, bytes, dates and spans of time.
_KINDS = "biufcSUmM"
_PLAIN = ("numpy.ndarray", "numpy.memmap", "numpy.matrix", "numpy.recarray", "numpy.chararray")


def numpy_kind(obj, limit):  # noqa: PLR0911 - one return a kind
    """Facts about an object of NumPy, or None for anything else.

    Args:
        obj: Anything.
        limit: Most elements whose values are listed.

    Returns:
        The fields of a leaf, and ``(step, child)`` pairs.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):
        return None
    name = class_name(type(obj))
    if isinstance(obj, numpy.ndarray):
        if name not in _PLAIN:
            # A subclass, such as a masked array, has more than its elements.
            return {"type": "unobservable", "class": name, "note": "array class"}, []
        return _array("array", numpy.asarray(obj), name, limit)
    if isinstance(obj, numpy.generic):
        return _array("npscalar", numpy.asarray(obj), name, limit)
    if isinstance(obj, numpy.dtype):
        return {"type": "dtype", "class": "numpy.dtype", "value": text(str(obj))}, []
    random = sys.modules.get("numpy.random")
    if _is(obj, random, "RandomState"):
        return {"type": "generator", "class": name}, [(".state", obj.get_state())]
    if _is(obj, random, "Generator"):
        return {"type": "generator", "class": name}, [(".state", obj.bit_generator.state)]
    if _is(obj, random, "BitGenerator"):
        return {"type": "generator", "class": name}, [(".state", obj.state)]
    return None


def _is(obj, module, name):
    return isinstance(obj, getattr(module, name, ()))


def _array(kind, array, name, limit):
    fields = {"type": kind, "class": name, "dtype": str(array.dtype), "shape": list(array.shape)}
    if array.dtype.names:
        return fields, [("['%s']" % part, array[part]) for part in array.dtype.names]
    if array.dtype.hasobject:
        return fields, [("[%d]" % i, item) for i, item in enumerate(array.ravel().tolist())]
    if array.dtype.kind not in _KINDS or array.dtype.char in "gG":
        # The bytes of a long double include padding that says nothing.
        return {"type": "unobservable", "class": name, "note": "array dtype"}, []
    fields["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
    if array.size <= limit:
        fields["values"] = [_value(item) for item in array.ravel()]
    return fields, []


def _value(item):
    kind = item.dtype.kind
    if kind == "b":
        return bool(item)
    if kind in "iu":
        return integer(item)
    if kind == "f":
        return number(item)
    if kind == "c":
        return [number(item.real), number(item.imag)]
    if kind == "S":
        return octets(item)
    return text(str(item))
