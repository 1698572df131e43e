"""What earlier runs saw, and the checkpoints they saved: one folder, shared by all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.store.atomic import write_atomic
from ckptmatrix.store.checkpoints import CheckpointStore
from ckptmatrix.store.failures import explained
from ckptmatrix.store.results import ResultStore

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.wire import Checkpoint

__all__ = ["CheckpointStore", "ResultStore", "Store"]

_CACHE_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Made by ckptmatrix: results of earlier runs. See https://bford.info/cachedir/\n"
)


class Store(ResultStore):
    """The folder all runs share: results in a database, checkpoints as files.

    Args:
        root: The folder; made when it is not there.

    Attributes:
        checkpoints: Checkpoints by digest.

    Raises:
        StoreError: It cannot be used; the message says why and what to do.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with explained(root):
            root.mkdir(parents=True, exist_ok=True)
        if not (tag := root / "CACHEDIR.TAG").exists():
            write_atomic(tag, _CACHE_TAG)
        self.checkpoints = CheckpointStore(root / "checkpoints")
        super().__init__(root / "results.sqlite")

    def add_checkpoint(
        self, source: Path, checkpoint: Checkpoint, filename: str, *, inside: Path | None = None
    ) -> Path:
        """Take a checkpoint into the store; see :meth:`CheckpointStore.add`."""
        return self.checkpoints.add(source, checkpoint, filename, inside=inside)

    def find_checkpoint(self, sha256: str, filename: str) -> Path | None:
        """Where a checkpoint is, or None; see :meth:`CheckpointStore.path`."""
        return self.checkpoints.path(sha256, filename)
