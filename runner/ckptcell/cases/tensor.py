"""Tensors of every dtype and kind, each in a dict."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = [
    "DtypeBfloat16",
    "DtypeComplexConj",
    "DtypeFloat8",
    "DtypeHalf",
    "DtypeUint16",
    "TensorChannelsLast",
    "TensorNestedJagged",
    "TensorQuantized",
    "TensorSparseCoo",
    "TensorViews",
]


class _Tensors(Case):
    """A dict of tensors."""

    family = "tensor"


class DtypeHalf(_Tensors):
    """Half precision, in every torch there is."""

    name = "dtype_half"
    title = "float16 tensor"

    def make(self):
        import torch

        return {"weight": inputs.numbers(2, 3, dtype=torch.float16, device=self.device)}


class DtypeBfloat16(_Tensors):
    """The dtype most weights are published in."""

    name = "dtype_bfloat16"
    title = "bfloat16 tensor"
    needs = ("torch.bfloat16",)

    def make(self):
        import torch

        return {"weight": inputs.numbers(2, 3, dtype=torch.bfloat16, device=self.device)}


class DtypeFloat8(_Tensors):
    """Rebuilt by ``_rebuild_tensor_v3``, which older versions of torch do not have."""

    name = "dtype_float8"
    title = "float8_e4m3fn tensor"
    needs = ("torch.float8_e4m3fn",)

    def make(self):
        import torch

        return {"weight": inputs.numbers(2, 3, dtype=torch.float8_e4m3fn, device=self.device)}


class DtypeUint16(_Tensors):
    """Unsigned integers wider than a byte came with torch 2.3."""

    name = "dtype_uint16"
    title = "uint16 tensor"
    needs = ("torch.uint16",)

    def make(self):
        import torch

        tokens = torch.tensor([0, 1, 256, 65535], dtype=torch.int64)
        return {"tokens": tokens.to(device=self.device, dtype=torch.uint16)}


class DtypeComplexConj(_Tensors):
    """Conjugated by a flag, which torch 1.12 forgets when it saves (pytorch#81690)."""

    name = "dtype_complex_conj"
    title = "Lazily conjugated complex tensor"
    needs = ("torch.Tensor.is_conj",)

    def make(self):
        import torch

        return {"weight": torch.tensor([1 + 2j, 3 - 1j], device=self.device).conj()}


class TensorViews(_Tensors):
    """Tied weights and a row of a table: one storage, three tensors."""

    name = "tensor_views"
    title = "Tensors that share a storage"

    def make(self):
        table = inputs.numbers(4, 3, device=self.device)
        return {"embedding": table, "head": table, "row": table[1], "columns": table.t()}


class TensorChannelsLast(_Tensors):
    """Dimensions in another order in memory than in the shape."""

    name = "tensor_channels_last"
    title = "Tensor in channels-last memory format"
    needs = ("torch.channels_last",)

    def make(self):
        import torch

        images = inputs.numbers(2, 3, 4, 4, device=self.device)
        return {"images": images.contiguous(memory_format=torch.channels_last)}


class TensorSparseCoo(_Tensors):
    """Whether it is coalesced is written since torch 2.1."""

    name = "tensor_sparse_coo"
    title = "Sparse COO tensor, coalesced and not"

    def make(self):
        import torch

        places = torch.tensor([[0, 2, 2], [1, 0, 3]], device=self.device)
        once = torch.sparse_coo_tensor(places, inputs.numbers(3, device=self.device), (3, 4))
        places = torch.tensor([[1, 1], [2, 2]], device=self.device)
        twice = torch.sparse_coo_tensor(places, inputs.numbers(2, device=self.device), (3, 4))
        return {"coalesced": once.coalesce(), "uncoalesced": twice}


class TensorNestedJagged(_Tensors):
    """Rows of different lengths; loads only where ``torch.nested`` is imported already."""

    name = "tensor_nested_jagged"
    title = "Nested tensor in jagged layout"
    needs = ("torch.nested.nested_tensor", "torch.jagged")

    def make(self):
        import torch

        rows = [inputs.numbers(3, 2, device=self.device), inputs.numbers(1, 2, device=self.device)]
        return {"rows": torch.nested.nested_tensor(rows, layout=torch.jagged)}


class TensorQuantized(_Tensors):
    """Integers with one scale for all of them, and with one a row."""

    name = "tensor_quantized"
    title = "Tensors quantised as a whole and by row"
    needs = ("torch.quantize_per_tensor", "torch.quantize_per_channel")

    def make(self):
        import torch

        weight = inputs.numbers(2, 4, device=self.device)
        scales = torch.tensor([0.25, 0.5], dtype=torch.float64, device=self.device)
        zeros = torch.tensor([0, 0], dtype=torch.int64, device=self.device)
        return {
            "whole": torch.quantize_per_tensor(weight, 0.125, 3, torch.quint8),
            "rows": torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8),
        }
