"""How something is loaded: what no file tells."""

from __future__ import annotations

from dataclasses import dataclass

from ckptmatrix.words import Mode, OpenedAs

__all__ = ["Loading"]


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Conditions of a load.

    Attributes:
        mode: The call that is made.
        device: Where tensors are to live.
        memory_bytes: How many bytes the load may take beyond what its process has; None when
            nothing limits it.
        opened_as: What the loader is given of the file.
    """

    mode: Mode
    device: str = "cpu"
    memory_bytes: int | None = None
    opened_as: OpenedAs = OpenedAs.PATH
