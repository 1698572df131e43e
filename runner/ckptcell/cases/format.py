"""Containers: the same state in the other formats torch writes."""

import inspect

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["FormatLegacy"]


class FormatLegacy(Case):
    """The stream torch wrote before 1.6, which every version reads."""

    name = "format_legacy"
    family = "format"
    title = "State dict in the legacy stream format"
    format = "legacy"

    def save(self, path):
        import torch

        state = {
            "weight": inputs.numbers(3, 4, device=self.device),
            "steps": torch.tensor(12, device=self.device),
        }
        options = {}
        if "_use_new_zipfile_serialization" in inspect.signature(torch.save).parameters:
            options["_use_new_zipfile_serialization"] = False
        torch.save(state, path, **options)
        return state
