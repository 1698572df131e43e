"""The port of everything that builds images, and the choice of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ckptmatrix.providers.docker.bake import BakeBuilder
from ckptmatrix.providers.docker.classic import ClassicBuilder
from ckptmatrix.providers.docker.engine import has_buildx

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from ckptmatrix.errors import CellError
    from ckptmatrix.images.recipe import Recipe

__all__ = ["Builder", "choose_builder"]


class Builder(Protocol):
    """Builds images. Methods may be called from several threads."""

    name: str

    def build(
        self,
        recipes: Sequence[Recipe],
        *,
        cancel: threading.Event,
        progress: Callable[[str, str], None],
    ) -> dict[str, CellError]:
        """Build what the recipes say, each under its tag.

        One that fails does not stop the others.

        Args:
            recipes: Of different cells.
            cancel: Set when the user gave up.
            progress: Called with a cell's id and a short phrase.

        Returns:
            Cell id → why it failed; every other recipe's tag exists.

        Raises:
            ckptmatrix.providers.base.Cancelled: ``cancel`` was set.
        """
        ...


def choose_builder(environ: Mapping[str, str]) -> Builder:
    """Bake where the ``docker`` command has buildx, else the engine's classic builder.

    Args:
        environ: The user's environment variables.
    """
    return BakeBuilder(environ) if has_buildx(environ) else ClassicBuilder(environ)
