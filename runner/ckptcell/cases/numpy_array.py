"""Arrays of NumPy: how they are pickled, which texts they hold, and what torch makes of them."""

from ckptcell import inputs
from ckptcell.beside import BesideTensor
from ckptcell.cases.base import Case

__all__ = [
    "NumpyArrayProtocol2",
    "NumpyArrayProtocol5",
    "NumpyFromTensor",
    "NumpyStringDtype",
    "NumpyStringDtypeAsList",
]


class _NumpyArray(BesideTensor, Case):
    """A dict of a tensor and an array."""

    family = "numpy"
    # What a file says in the modes between is what it says in these.
    modes = ("plain", "restricted", "trusted")
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class NumpyArrayProtocol5(_NumpyArray):
    """Names ``numpy._core.numeric``, of which no NumPy before 2 has a stub (numpy#28340)."""

    name = "numpy_array_protocol_5"
    title = "Dict with a NumPy array, in pickle protocol 5"
    needs = ("numpy", "pickle.PickleBuffer")
    protocol = 5

    def extra(self):
        import numpy as np

        return np.arange(6, dtype=np.int64).reshape(2, 3)

    def save(self, path):
        import torch

        obj = self.make()
        torch.save(obj, path, pickle_protocol=self.protocol)
        return obj


class NumpyArrayProtocol2(NumpyArrayProtocol5):
    """The same array as torch.save itself asks for it."""

    name = "numpy_array_protocol_2"
    title = "Dict with a NumPy array, in pickle protocol 2"
    variant_of = "numpy_array_protocol_5"
    cure = "protocol_2"
    protocol = 2


class NumpyStringDtype(_NumpyArray):
    """Texts of any length in an array came with NumPy 2."""

    name = "numpy_stringdtype"
    title = "Dict with a NumPy array of texts of any length"
    needs = ("numpy.dtypes.StringDType",)
    cures = ("allowlisted",)

    def extra(self):
        import numpy as np

        return np.array(["cat", "a long label"], dtype=np.dtypes.StringDType())

    def observe(self, obj):
        from ckptcell import observe

        # The bytes of such an array are places in memory.
        array = obj["extra"]
        seen = {"texts": array.tolist(), "dtype": str(array.dtype)}
        return observe.observe(dict(obj, extra=seen))


class NumpyStringDtypeAsList(NumpyStringDtype):
    """What saving code should do with it."""

    name = "numpy_stringdtype_as_list"
    title = "Dict with a NumPy array of texts made a list before saving"
    cures = ()
    variant_of = "numpy_stringdtype"
    cure = "plain_values"
    expect = {}

    def extra(self):
        return super(NumpyStringDtypeAsList, self).extra().tolist()

    def observe(self, obj):
        from ckptcell import observe

        return observe.observe(obj)


class NumpyFromTensor(Case):
    """Torch before 2.3 is built against NumPy 1 and does not work with 2 (pytorch#132179)."""

    name = "numpy_from_tensor"
    family = "numpy"
    title = "Plain tensor, made a NumPy array after loading"
    modes = ("plain", "trusted")
    loader = ("numpy",)

    def make(self):
        return {"weight": inputs.numbers(2, 3, device=self.device)}

    def forward(self, obj):
        return (obj["weight"].cpu().numpy() * 2).tolist()
