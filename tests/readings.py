"""What a parsed file is made of, for tests of what is predicted from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.archive.reading import StorageEntry, TensorEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.predict.prediction import Prediction

    Told = Callable[..., Prediction]
    File = Callable[..., Reading]

STATE_DICT = ("collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch.FloatStorage")
LINEAR = "torch.nn.modules.linear.Linear"


def storage(device: str, size: int = 4) -> StorageEntry:
    """One of so many bytes, all of them there."""
    return StorageEntry(key="0", dtype="torch.float32", device=device, bytes=size, present=size)


def sparse(layout: str, rebuild: str = "_rebuild_sparse_tensor") -> TensorEntry:
    """A tensor of this layout, made again by this function."""
    return TensorEntry(path="", dtype="torch.float32", shape=(2, 2), rebuild=rebuild, layout=layout)
