"""Tensors that are made of tensors: sparse, quantised, nested."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = [
    "TensorNestedAsList",
    "TensorNestedJagged",
    "TensorNestedStrided",
    "TensorQuantized",
    "TensorQuantizedDequantized",
    "TensorSparseAsParts",
    "TensorSparseBlocks",
    "TensorSparseCoo",
    "TensorSparseCsc",
    "TensorSparseCsr",
]


class _Layouts(Case):
    """A dict of tensors that are not numbers in strides."""

    family = "layout"


class TensorSparseCoo(_Layouts):
    """Whether it is coalesced is written since torch 2.1 (pytorch#101186)."""

    name = "tensor_sparse_coo"
    title = "Sparse COO tensor, coalesced and not"

    def make(self):
        import torch

        places = torch.tensor([[0, 2, 2], [1, 0, 3]], device=self.device)
        once = torch.sparse_coo_tensor(places, inputs.numbers(3, device=self.device), (3, 4))
        places = torch.tensor([[1, 1], [2, 2]], device=self.device)
        twice = torch.sparse_coo_tensor(places, inputs.numbers(2, device=self.device), (3, 4))
        return {"coalesced": once.coalesce(), "uncoalesced": twice}


class TensorSparseAsParts(_Layouts):
    """Indices, values and shape, from which every version makes the tensor anew."""

    name = "tensor_sparse_as_parts"
    title = "Sparse COO tensor saved as indices, values and shape"
    variant_of = "tensor_sparse_coo"
    cure = "plain_values"

    def make(self):
        import torch

        places = torch.tensor([[0, 2, 2], [1, 0, 3]], device=self.device)
        return {
            "indices": places,
            "values": inputs.numbers(3, device=self.device),
            "shape": [3, 4],
        }


class TensorSparseCsr(_Layouts):
    """Written by a function that torch 2.0 no longer has, until 1.13 (pytorch#89553)."""

    name = "tensor_sparse_csr"
    title = "Sparse CSR tensor"
    needs = ("torch.Tensor.to_sparse_csr", "torch.Tensor.to_sparse_csc")

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device).to_sparse_csr()}


class TensorSparseCsc(_Layouts):
    """Compressed by columns; torch 1.12 makes it and cannot save it."""

    name = "tensor_sparse_csc"
    title = "Sparse CSC tensor"
    needs = ("torch.Tensor.to_sparse_csc", "torch.Tensor.untyped_storage")

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device).to_sparse_csc()}


class TensorSparseBlocks(_Layouts):
    """Compressed by blocks of rows and of columns."""

    name = "tensor_sparse_blocks"
    title = "Sparse BSR and BSC tensors"
    needs = (
        "torch.Tensor.to_sparse_bsr",
        "torch.Tensor.to_sparse_bsc",
        "torch.Tensor.untyped_storage",
    )

    def make(self):
        weight = inputs.numbers(4, 4, device=self.device)
        return {"rows": weight.to_sparse_bsr((2, 2)), "columns": weight.to_sparse_bsc((2, 2))}


class TensorNestedStrided(_Layouts):
    """Rows of different lengths, each with its own strides; weights_only of 2.15 refuses it."""

    name = "tensor_nested_strided"
    title = "Nested tensor in strided layout"
    needs = ("torch.nested.nested_tensor", "torch._utils._rebuild_nested_tensor")
    cures = ("allowlisted",)

    def make(self):
        import torch

        rows = [inputs.numbers(3, 2, device=self.device), inputs.numbers(1, 2, device=self.device)]
        return {"rows": torch.nested.nested_tensor(rows)}


class TensorNestedJagged(_Layouts):
    """Rows of different lengths; loads only where ``torch.nested`` is imported already."""

    name = "tensor_nested_jagged"
    title = "Nested tensor in jagged layout"
    needs = ("torch.nested.nested_tensor", "torch.jagged")
    cures = ("allowlisted",)

    def make(self):
        import torch

        rows = [inputs.numbers(3, 2, device=self.device), inputs.numbers(1, 2, device=self.device)]
        return {"rows": torch.nested.nested_tensor(rows, layout=torch.jagged)}


class TensorNestedAsList(_Layouts):
    """The rows as a list of tensors, which needs no import."""

    name = "tensor_nested_as_list"
    title = "Rows of a nested tensor saved as a list"
    variant_of = "tensor_nested_jagged"
    cure = "plain_values"

    def make(self):
        rows = [inputs.numbers(3, 2, device=self.device), inputs.numbers(1, 2, device=self.device)]
        return {"rows": rows}


class TensorQuantized(_Layouts):
    """Integers with one scale for all of them, and with one a row."""

    name = "tensor_quantized"
    title = "Tensors quantised as a whole and by row"
    needs = ("torch.quantize_per_tensor", "torch.quantize_per_channel")

    def quantized(self):
        """The tensors themselves."""
        import torch

        weight = inputs.numbers(2, 4, device=self.device)
        scales = torch.tensor([0.25, 0.5], dtype=torch.float64, device=self.device)
        zeros = torch.tensor([0, 0], dtype=torch.int64, device=self.device)
        return {
            "whole": torch.quantize_per_tensor(weight, 0.125, 3, torch.quint8),
            "rows": torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8),
        }

    def make(self):
        return self.quantized()


class TensorQuantizedDequantized(TensorQuantized):
    """The floats they stand for."""

    name = "tensor_quantized_dequantized"
    title = "Quantised tensors, dequantised before they are saved"
    variant_of = "tensor_quantized"
    cure = "materialised"

    def make(self):
        return {name: weight.dequantize() for name, weight in self.quantized().items()}
