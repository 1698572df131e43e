"""Folders of ``torch.distributed.checkpoint`` that do not fit, or are not whole."""

import os

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["DcpFirstApi", "DcpMissingKey", "DcpNoMetadata", "DcpOtherDtype"]


class _Dcp(Case):
    """A state dict in a folder, loaded into tensors that are there."""

    family = "user-mistakes"
    format = "dcp"
    filename = "checkpoint"
    needs = ("torch.distributed.checkpoint.save",)
    loader = ("torch.distributed.checkpoint.load",)

    def make(self):
        return {"weight": inputs.numbers(4, 3, device=self.device)}

    def target(self):
        """What it is loaded into."""
        import torch

        return {name: torch.zeros_like(value) for name, value in self.make().items()}

    def save(self, path):
        import torch.distributed.checkpoint as dcp

        state = self.make()
        dcp.save(state, checkpoint_id=path)
        return state

    def load(self, path, mode):
        import torch.distributed.checkpoint as dcp

        state = self.target()
        planner = None
        if mode == "partial":
            planner = dcp.DefaultLoadPlanner(allow_partial_load=True)
        dcp.load(state, checkpoint_id=path, planner=planner)
        return state


class DcpMissingKey(_Dcp):
    """More is asked for than was saved (pytorch#146157)."""

    name = "dcp_missing_key"
    title = "Folder of torch.distributed.checkpoint asked for a tensor that it does not have"
    cures = ("partial",)
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def target(self):
        import torch

        state = super(DcpMissingKey, self).target()
        state["bias"] = torch.zeros(4, device=self.device)
        return state


class DcpOtherDtype(_Dcp):
    """What it is loaded into decides about the dtype, and nothing is said."""

    name = "dcp_other_dtype"
    title = "Folder of torch.distributed.checkpoint loaded into tensors of float64"
    expect = {"verdict": "changed", "reasons": ["dtype_changed"]}

    def target(self):
        return {name: value.double() for name, value in super(DcpOtherDtype, self).target().items()}


class DcpNoMetadata(_Dcp):
    """``.metadata`` is written last: this save did not come to its end (pytorch#76395)."""

    name = "dcp_no_metadata"
    family = "damage"
    title = "Folder of torch.distributed.checkpoint without its metadata"
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}

    def save(self, path):
        state = super(DcpNoMetadata, self).save(path)
        os.remove(os.path.join(path, ".metadata"))
        return state


class DcpFirstApi(_Dcp):
    """By the functions that came first, where a release has them: torch 2.0 has no others."""

    name = "dcp_first_api"
    family = "distributed"
    title = "Folder of torch.distributed.checkpoint loaded by load_state_dict"
    needs = ("torch.distributed.checkpoint.FileSystemWriter",)
    loader = ("torch.distributed.checkpoint.load_state_dict",)

    def save(self, path):
        import torch.distributed.checkpoint as dcp

        state = self.make()
        if hasattr(dcp, "save"):
            dcp.save(state, checkpoint_id=path)
        else:
            dcp.save_state_dict(state, dcp.FileSystemWriter(path), no_dist=True)
        return state

    def load(self, path, mode):  # noqa: ARG002 - there is one
        import torch.distributed.checkpoint as dcp

        state = self.target()
        dcp.load_state_dict(state, dcp.FileSystemReader(path), no_dist=True)
        return state
