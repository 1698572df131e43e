"""The bytes of a strided tensor, and what they say, without NumPy and without a copy of the whole.

Numbers are decoded here and not by torch: a dtype's ``tolist`` comes and goes between versions, and
the same bytes must read the same everywhere.
"""

import ctypes
import struct

from ckptcell.encoding import integer, number

__all__ = ["CHUNK", "chunks", "fits", "storage_of", "values"]

#: Bytes hashed, or copied where elements do not lie in C order, at a time.
CHUNK = 64 * 1024 * 1024

_INTEGERS = {
    "torch.uint8": "B",
    "torch.int8": "b",
    "torch.uint16": "H",
    "torch.int16": "h",
    "torch.uint32": "I",
    "torch.int32": "i",
    "torch.uint64": "Q",
    "torch.int64": "q",
}
_FLOATS = {"torch.float16": "e", "torch.float32": "f", "torch.float64": "d"}
_COMPLEX = {"torch.complex32": "e", "torch.complex64": "f", "torch.complex128": "d"}
_SAME_SIZE = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


def storage_of(tensor):
    """Address and size of a strided tensor's storage, in bytes.

    Returns:
        ``(address, size)``, or None where this torch has no storage of such a dtype.
    """
    if hasattr(tensor, "untyped_storage"):
        storage = tensor.untyped_storage()
        try:
            return storage.data_ptr(), storage.nbytes()
        except RuntimeError:
            # Zero tensors and fake tensors have a storage without memory.
            return 0, 0
    try:
        storage = tensor.storage()
    except (AttributeError, KeyError, NotImplementedError, RuntimeError):
        return None
    return storage.data_ptr(), len(storage) * storage.element_size()


def fits(tensor):
    """Whether every element of a strided tensor lies inside its storage.

    A storage that was resized, as sharding libraries do to free memory, leaves tensors whose
    elements would be read from memory that is not theirs; a zero tensor has no memory at all.
    """
    if tensor.numel() == 0:
        return True
    storage = storage_of(tensor)
    if storage is None:
        return tensor.data_ptr() != 0
    if storage[0] == 0:
        return False
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride()))
    return (tensor.storage_offset() + last + 1) * tensor.element_size() <= storage[1]


def _memory(tensor):
    total = tensor.numel() * tensor.element_size()
    address = tensor.data_ptr()
    for start in range(0, total, CHUNK):
        size = min(CHUNK, total - start)
        # ctypes.string_at takes a C int for the size and would return too little of a big tensor.
        yield (ctypes.c_char * size).from_address(address + start)


def _contiguous(tensor):
    import torch

    try:
        return tensor.contiguous()
    except (RuntimeError, NotImplementedError):
        # Some dtypes have no copy kernel; integers of their size have one.
        return tensor.view(getattr(torch, _SAME_SIZE[tensor.element_size()])).contiguous()


def chunks(tensor):
    """The elements of a strided tensor on the CPU as buffers, in C order.

    Each buffer is valid until the next one is asked for. The tensor must :func:`fits`.
    """
    size = tensor.numel() * tensor.element_size()
    if size == 0:
        return
    if tensor.is_contiguous():
        yield from _memory(tensor)
    elif size <= CHUNK:
        yield from _memory(_contiguous(tensor))
    else:
        rows = CHUNK * tensor.shape[0] // size
        if rows <= 1:
            for index in range(tensor.shape[0]):
                yield from chunks(tensor.select(0, index))
        else:
            for start in range(0, tensor.shape[0], rows):
                length = min(rows, tensor.shape[0] - start)
                yield from chunks(tensor.narrow(0, start, length))


def values(raw, dtype, item_size):
    """Elements as JSON.

    Args:
        raw: Their bytes in C order.
        dtype: ``"torch.float32"``.
        item_size: Bytes of one element.

    Returns:
        Numbers, booleans, ``[real, imaginary]``, or hex for a dtype that JSON has no number for.
    """
    count = len(raw) // item_size
    if dtype in _INTEGERS:
        return [integer(item) for item in struct.unpack("=%d%s" % (count, _INTEGERS[dtype]), raw)]
    if dtype in _FLOATS:
        return [number(item) for item in struct.unpack("=%d%s" % (count, _FLOATS[dtype]), raw)]
    if dtype == "torch.bfloat16":
        words = struct.unpack("=%dH" % count, raw)
        widened = struct.pack("=%dI" % count, *[word << 16 for word in words])
        return [number(item) for item in struct.unpack("=%df" % count, widened)]
    if dtype in _COMPLEX:
        parts = struct.unpack("=%d%s" % (2 * count, _COMPLEX[dtype]), raw)
        return [[number(parts[i]), number(parts[i + 1])] for i in range(0, 2 * count, 2)]
    if dtype == "torch.bool":
        return [byte != 0 for byte in raw]
    return [raw[i : i + item_size].hex() for i in range(0, len(raw), item_size)]
