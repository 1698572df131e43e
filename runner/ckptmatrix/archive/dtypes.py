"""What torch calls its element types, and how wide they are."""

from __future__ import annotations

from typing import Final

__all__ = ["STORAGE_DTYPES", "UNTYPED", "width_of"]

#: Element type of a storage class; those of other devices lie in ``torch.cuda`` and the like.
STORAGE_DTYPES: Final = {
    "DoubleStorage": "torch.float64",
    "FloatStorage": "torch.float32",
    "HalfStorage": "torch.float16",
    "LongStorage": "torch.int64",
    "IntStorage": "torch.int32",
    "ShortStorage": "torch.int16",
    "CharStorage": "torch.int8",
    "ByteStorage": "torch.uint8",
    "BoolStorage": "torch.bool",
    "BFloat16Storage": "torch.bfloat16",
    "ComplexDoubleStorage": "torch.complex128",
    "ComplexFloatStorage": "torch.complex64",
    "QUInt8Storage": "torch.quint8",
    "QInt8Storage": "torch.qint8",
    "QInt32Storage": "torch.qint32",
    "QUInt4x2Storage": "torch.quint4x2",
    "QUInt2x4Storage": "torch.quint2x4",
}

#: Classes of storages that do not know their element type.
UNTYPED: Final = frozenset({"UntypedStorage", "_UntypedStorage"})

_WIDTHS: Final = {
    "torch.float64": 8,
    "torch.double": 8,
    "torch.float32": 4,
    "torch.float": 4,
    "torch.float16": 2,
    "torch.half": 2,
    "torch.bfloat16": 2,
    "torch.int64": 8,
    "torch.long": 8,
    "torch.int32": 4,
    "torch.int": 4,
    "torch.int16": 2,
    "torch.short": 2,
    "torch.int8": 1,
    "torch.uint8": 1,
    "torch.uint16": 2,
    "torch.uint32": 4,
    "torch.uint64": 8,
    "torch.bool": 1,
    "torch.complex32": 4,
    "torch.chalf": 4,
    "torch.complex64": 8,
    "torch.cfloat": 8,
    "torch.complex128": 16,
    "torch.cdouble": 16,
    "torch.quint8": 1,
    "torch.qint8": 1,
    "torch.qint32": 4,
    "torch.quint4x2": 1,
    "torch.quint2x4": 1,
    "torch.float8_e4m3fn": 1,
    "torch.float8_e5m2": 1,
    "torch.float8_e4m3fnuz": 1,
    "torch.float8_e5m2fnuz": 1,
    "torch.float8_e8m0fnu": 1,
    "torch.float4_e2m1fn_x2": 1,
    "bytes": 1,
}


def width_of(dtype: str) -> int | None:
    """Bytes of one element as torch stores it, or None for a type that is not known here."""
    return _WIDTHS.get(dtype)
