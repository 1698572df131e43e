"""Observations as the cell program writes them, and what the judge finds different in two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.judge.compare import compare
from ckptmatrix.judge.policy import Policy

if TYPE_CHECKING:
    from ckptmatrix.words import Reason

__all__ = ["Json", "dictionary", "observation", "reasons", "state_dict", "tensor"]

Json = dict[str, Any]


def tensor(path: str, **fields: Any) -> Json:
    leaf = {
        "path": path,
        "type": "tensor",
        "class": "torch.Tensor",
        "role": "tensor",
        "dtype": "torch.float32",
        "shape": [2, 2],
        "stride_order": [0, 1],
        "layout": "torch.strided",
        "device": "cpu",
        "requires_grad": False,
        "conj": False,
        "neg": False,
        "sha256": "a" * 64,
        "values": [1.0, 2.0, 3.0, 4.0],
    }
    return {**leaf, **fields}


def dictionary(path: str, *keys: str, cls: str = "dict") -> Json:
    return {"path": path, "type": "dict", "class": cls, "keys": list(keys)}


def observation(*leaves: Json, **fields: Any) -> Json:
    return {"version": 1, "leaves": list(leaves), "aliases": [], **fields}


def state_dict(**fields: Any) -> Json:
    return observation(
        dictionary("", "weight", "bias", "step", cls="collections.OrderedDict"),
        tensor("['weight']", **fields),
        tensor("['bias']", shape=[2], stride_order=[0], sha256="b" * 64, values=[0.5, "nan"]),
        {"path": "['step']", "type": "int", "value": 3},
    )


def reasons(before: Json, after: Json, policy: Policy | None = None) -> list[Reason]:
    return [difference.what for difference in compare(before, after, policy or Policy())]
