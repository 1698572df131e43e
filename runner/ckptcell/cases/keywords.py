"""Parameters given to ``torch.load`` by code that does not ask whether it has them."""

import zipfile

from ckptcell import inputs
from ckptcell.cases.base import Case, Unsupported
from ckptcell.torch_save import torch_save

__all__ = ["KeywordMmap", "KeywordWeightsOnly"]


class _Keyword(Case):
    """A state dict, loaded with a parameter that came late."""

    family = "user-mistakes"
    modes = ("plain",)

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device)}


class KeywordWeightsOnly(_Keyword):
    """Torch before 1.13 hands on to the unpickler what it does not know.

    In the legacy format, of which all torches read as much as shows it.
    """

    name = "keyword_weights_only"
    title = "State dict loaded with weights_only=True, whatever the torch"
    format = "legacy"

    def save(self, path):
        state = self.make()
        torch_save(state, path, zipped=False)
        return state

    def load(self, path, mode):  # noqa: ARG002 - there is one
        import torch

        return torch.load(path, map_location=self.device, weights_only=True)


class KeywordMmap(_Keyword):
    """Before 2.1 likewise (chaofengc/IQA-PyTorch#219)."""

    name = "keyword_mmap"
    title = "State dict loaded with mmap=True, whatever the torch"

    def save(self, path):
        state = super(KeywordMmap, self).save(path)
        if not zipfile.is_zipfile(path):
            msg = "only zip files can be mapped, and this torch writes none by itself"
            raise Unsupported(msg)
        return state

    def load(self, path, mode):  # noqa: ARG002 - there is one
        import torch

        return torch.load(path, map_location=self.device, mmap=True)
