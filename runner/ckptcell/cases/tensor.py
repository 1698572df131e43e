"""Strided tensors: how they lie in memory, what they share and what is said of them."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = [
    "TensorAttributes",
    "TensorChannelsLast",
    "TensorEmpty",
    "TensorExpanded",
    "TensorMeta",
    "TensorNegative",
    "TensorParameter",
    "TensorParameterAttributes",
    "TensorRequiresGrad",
    "TensorReturnType",
    "TensorSlice",
    "TensorSliceCloned",
    "TensorStorage",
    "TensorSubclass",
    "TensorTiedWeights",
    "TensorUninitialized",
    "TensorViews",
    "TensorViewsOfOtherDtype",
    "TensorZeroDim",
]


class _Tensors(Case):
    """A dict of tensors."""

    family = "tensor"


class _Foreign(_Tensors):
    """Tensors whose file names a class that weights_only does not know."""

    cures = ("allowlisted",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class TensorViews(_Tensors):
    """Tied weights and a row of a table: one storage, three tensors."""

    name = "tensor_views"
    title = "Tensors that share a storage"

    def make(self):
        table = inputs.numbers(4, 3, device=self.device)
        return {"embedding": table, "head": table, "row": table[1], "columns": table.t()}


class TensorTiedWeights(_Tensors):
    """One parameter under two names, as language models tie their embedding to their head."""

    name = "tensor_tied_weights"
    title = "State dict of a network whose head is its embedding"
    state_is_all = True

    def network(self):
        """The network, with torch's own initial values."""
        import torch

        network = torch.nn.ModuleDict(
            {"embedding": torch.nn.Embedding(5, 4), "head": torch.nn.Linear(4, 5, bias=False)}
        )
        network["head"].weight = network["embedding"].weight
        return network.to(self.device)

    def make(self):
        return inputs.fill(self.network()).state_dict()

    def forward(self, obj):
        import torch

        network = self.network()
        network.load_state_dict(obj)
        with torch.no_grad():
            tokens = torch.tensor([0, 3, 4], device=self.device)
            return network["head"](network["embedding"](tokens))


class TensorViewsOfOtherDtype(_Tensors):
    """The same bytes as floats and as integers: refused since torch 1.11 (pytorch#66949)."""

    name = "tensor_views_of_other_dtype"
    title = "Two tensors of different dtypes that share a storage"
    needs = ("torch.view_as_complex",)
    expect = {"verdict": "failed", "reasons": ["save_error"]}

    def make(self):
        import torch

        pairs = inputs.numbers(3, 2, device=self.device)
        return {"pairs": pairs, "numbers": torch.view_as_complex(pairs)}


class TensorSlice(_Tensors):
    """A small view of a big storage: the file has all of it."""

    name = "tensor_slice"
    title = "Two rows of a table of 4,096 rows"

    def make(self):
        return {"rows": inputs.numbers(4096, 4, device=self.device)[2:4]}


class TensorSliceCloned(_Tensors):
    """The same rows with a storage of their own: the file is as small as they are."""

    name = "tensor_slice_cloned"
    title = "Two rows of a table, cloned before they are saved"
    variant_of = "tensor_slice"
    cure = "materialised"

    def make(self):
        return {"rows": inputs.numbers(4096, 4, device=self.device)[2:4].clone()}


class TensorExpanded(_Tensors):
    """One number shown as six: a stride of zero."""

    name = "tensor_expanded"
    title = "Expanded tensors, with strides of zero"

    def make(self):
        row = inputs.numbers(1, 3, device=self.device)
        return {"rows": row.expand(4, 3), "all": inputs.numbers(1, device=self.device).expand(2, 3)}


class TensorChannelsLast(_Tensors):
    """Dimensions in another order in memory than in the shape."""

    name = "tensor_channels_last"
    title = "Tensor in channels-last memory format"
    needs = ("torch.channels_last",)

    def make(self):
        import torch

        images = inputs.numbers(2, 3, 4, 4, device=self.device)
        return {"images": images.contiguous(memory_format=torch.channels_last)}


class TensorZeroDim(_Tensors):
    """A loss, a step: numbers without dimensions."""

    name = "tensor_zero_dim"
    title = "Tensors without dimensions"

    def make(self):
        import torch

        return {
            "loss": torch.tensor(0.375, device=self.device),
            "step": torch.tensor(7, device=self.device),
            "found": torch.tensor(1, device=self.device) == 1,
        }


class TensorEmpty(_Tensors):
    """No elements, and dimensions all the same."""

    name = "tensor_empty"
    title = "Tensors without elements"

    def make(self):
        import torch

        return {
            "none": torch.zeros(0, device=self.device),
            "rows": torch.zeros(0, 3, device=self.device),
            "columns": torch.zeros(3, 0, dtype=torch.int64, device=self.device),
        }


class TensorRequiresGrad(_Tensors):
    """Leaves of a graph, one frozen and one not."""

    name = "tensor_requires_grad"
    title = "Tensors with and without requires_grad"

    def make(self):
        frozen = inputs.numbers(2, 3, device=self.device)
        return {"frozen": frozen, "trained": frozen.clone().requires_grad_()}


class TensorParameter(_Tensors):
    """Parameters on their own, without a module."""

    name = "tensor_parameter"
    title = "nn.Parameter and a list of them"

    def make(self):
        import torch

        weight = torch.nn.Parameter(inputs.numbers(2, 3, device=self.device))
        bias = torch.nn.Parameter(inputs.numbers(3, device=self.device), requires_grad=False)
        return {"weight": weight, "all": [weight, bias]}


class TensorAttributes(_Tensors):
    """What users hang on a tensor: dropped in silence by older versions (pytorch#65694)."""

    name = "tensor_attributes"
    title = "Tensor with attributes of Python's"

    def make(self):
        weight = inputs.numbers(2, 3, device=self.device)
        weight.layer = "head"
        weight.scale = 0.5
        return {"weight": weight}


class TensorParameterAttributes(_Tensors):
    """``_rebuild_parameter_with_state``, unknown before torch 2.0, where it is used at all."""

    name = "tensor_parameter_attributes"
    title = "nn.Parameter with an attribute of Python's"

    def make(self):
        import torch

        weight = torch.nn.Parameter(inputs.numbers(2, 3, device=self.device))
        weight.no_weight_decay = True
        return {"weight": weight}


class TensorSubclass(_Foreign):
    """Its class is named in the file; torch 1.7 saved a plain tensor (pytorch#47051)."""

    name = "tensor_subclass"
    title = "Tensor of a class derived from torch.Tensor"
    needs = ("torch.Tensor.as_subclass",)

    def make(self):
        from ckptcell import examples

        return {"weight": inputs.numbers(2, 3, device=self.device).as_subclass(examples.Tagged)}


class TensorUninitialized(_Foreign):
    """A lazy module's parameter before its first batch: no shape and no numbers."""

    name = "tensor_uninitialized"
    title = "Uninitialised parameter of a lazy module"
    needs = ("torch.nn.LazyLinear",)

    def make(self):
        import torch

        return {"weight": torch.nn.LazyLinear(3).weight}


class TensorMeta(_Tensors):
    """A shape and a dtype without memory, as deferred initialisation leaves them."""

    name = "tensor_meta"
    title = "Tensor on the meta device"
    needs = ("torch._utils._rebuild_meta_tensor_no_storage",)

    def make(self):
        import torch

        return {"weight": torch.zeros(2, 3, device="meta")}


class TensorNegative(_Tensors):
    """Negated by a flag, as the imaginary part of a conjugated tensor is."""

    name = "tensor_negative"
    title = "Lazily negated tensor"
    needs = ("torch.Tensor.is_neg",)

    def make(self):
        import torch

        return {"weight": torch.tensor([1 + 2j, 3 - 1j], device=self.device).conj().imag}


class TensorReturnType(_Foreign):
    """What ``torch.max`` returns is a class of torch's own, found by its name since 1.8."""

    name = "tensor_return_type"
    title = "Values and indices as torch.max returned them"
    needs = ("torch.return_types",)

    def make(self):
        import torch

        return {"best": torch.max(inputs.numbers(3, 4, device=self.device), 1)}


class TensorStorage(_Tensors):
    """The memory itself, which a tensor made from it still shares."""

    name = "tensor_storage"
    title = "Storage of a tensor, beside the tensor"

    def make(self):
        weight = inputs.numbers(2, 3, device=self.device)
        return {"weight": weight, "storage": weight.storage()}
