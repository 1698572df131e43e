"""NumPy objects in a checkpoint: ``numpy.core`` became ``numpy._core`` in NumPy 2."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["NumpyArray", "NumpyScalar"]


class _NumpyObject(Case):
    """A dict of a tensor and an object of NumPy's."""

    family = "numpy"
    needs = ("numpy",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def extra(self):
        """The object."""
        raise NotImplementedError(self.name)

    def make(self):
        return {"weight": inputs.numbers(2, 3, device=self.device), "extra": self.extra()}


class NumpyScalar(_NumpyObject):
    """Best accuracy so far, as NumPy computed it."""

    name = "numpy_scalar"
    title = "Dict with a NumPy scalar"

    def extra(self):
        import numpy as np

        return np.float64(0.8125)


class NumpyArray(_NumpyObject):
    """A table of class weights."""

    name = "numpy_array"
    title = "Dict with a NumPy array"

    def extra(self):
        import numpy as np

        return np.arange(6, dtype=np.int64).reshape(2, 3)
