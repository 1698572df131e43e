"""Values and names as JSON that reads the same in every version of Python, NumPy and torch."""

import hashlib
import math
import re

__all__ = ["class_name", "integer", "number", "octets", "text"]

#: Longest text or byte string kept whole.
LONGEST = 1000
#: Integers JSON readers that use doubles still tell apart.
EXACT = 2**53
#: CPython refuses to print longer integers in decimal (limit of 4,300 digits, bpo-95778).
DECIMAL = 2**4096

# Where a class lives is an implementation detail these projects changed: pathlib._local in
# Python 3.13, numpy._core in NumPy 2, torch.amp in torch 2.3. Quantisation went to torch.ao in
# several steps from torch 1.10 to 1.13.
_MOVED = (
    ("pathlib._local.", "pathlib."),
    ("numpy._core.multiarray.", "numpy."),
    ("numpy.core.multiarray.", "numpy."),
    ("numpy.random._generator.", "numpy.random."),
    ("numpy.rec.", "numpy."),
    ("numpy.bool_", "numpy.bool"),
    ("numpy.random.mtrand.", "numpy.random."),
    ("torch._C.", "torch."),
    ("torch.cuda.amp.grad_scaler.", "torch.amp.grad_scaler."),
    ("torch.nn.intrinsic.", "torch.ao.nn.intrinsic."),
    ("torch.nn.qat.", "torch.ao.nn.qat."),
    ("torch.nn.quantizable.", "torch.ao.nn.quantizable."),
    ("torch.nn.quantized.", "torch.ao.nn.quantized."),
    ("torch.quantization.", "torch.ao.quantization."),
)

_PACKAGED = re.compile(r"\A<torch_package_\d+>\.")


def class_name(cls):
    """``collections.OrderedDict``; builtins and moved classes by a stable word."""
    module = getattr(cls, "__module__", None)
    name = str(getattr(cls, "__qualname__", getattr(cls, "__name__", "?")))
    if not isinstance(module, str) or module == "builtins":
        return name[:500]
    # torch.package names the modules it loads apart from those of the process.
    module = _PACKAGED.sub("", module)
    full = module + "." + name
    for old, new in _MOVED:
        if full.startswith(old):
            full = new + full[len(old) :]
    return full[:500]


def integer(value):
    """An int as JSON: a string where a double would not hold it."""
    value = int(value)
    if abs(value) <= EXACT:
        return value
    return text(str(value) if abs(value) < DECIMAL else hex(value))


def number(value):
    """A float as JSON: ``"nan"``, ``"inf"`` and ``"-inf"`` where JSON has no number."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def text(value):
    """A string as JSON; a long one, or one UTF-8 cannot hold, by length, digest and beginning."""
    value = str.__str__(value)
    encoded = value.encode("utf-8", "surrogatepass")
    printable = value.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(value) <= LONGEST and printable == value:
        return value
    return {
        "sha256": hashlib.sha256(encoded).hexdigest(),
        "length": len(value),
        "head": printable[:100],
    }


def octets(value):
    """Bytes as hex; many of them by length, digest and beginning."""
    value = bytes(value)
    if len(value) <= LONGEST:
        return value.hex()
    return {
        "sha256": hashlib.sha256(value).hexdigest(),
        "length": len(value),
        "head": value[:50].hex(),
    }
