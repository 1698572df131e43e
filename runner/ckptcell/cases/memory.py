"""Checkpoints that do not fit in the memory there is."""

import contextlib
import resource

from ckptcell import kernel, modes
from ckptcell.cases.base import Case

__all__ = ["LargeUnderLimit"]

_MIB = 1 << 20


class LargeUnderLimit(Case):
    """A tensor twice as large as the room there is for it.

    Larger ones say the same, and each is written, hashed and copied for every cell that saves and
    every cell that loads. A smaller one may fit: up to 32 MiB the C library hands out memory that
    was used before, for which the process need not ask again.
    """

    name = "large_under_limit"
    family = "resources"
    title = "Tensor of 64 MiB, loaded with room for 32 MiB"
    # How much a pickle is trusted matters only once there is room for it.
    modes = ("plain", "mmap")
    memory_bytes = 33554432
    expect = {"verdict": "failed", "reasons": ["out_of_memory"]}

    def make(self):
        import torch

        return {"weight": torch.zeros(64 * _MIB, dtype=torch.uint8, device=self.device)}

    def load(self, path, mode):
        with _room(self.memory_bytes):
            return modes.torch_load(path, mode, self.device)


@contextlib.contextmanager
def _room(size):
    """For as long as this lasts, the process may take so many bytes more than it has.

    The limit is one of address space, in which a file that is mapped takes as much as one that is
    read: there is none of resident memory that Linux enforces on a process of its own.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    present = kernel.address_space_bytes()
    if present is not None:
        resource.setrlimit(resource.RLIMIT_AS, (present + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
