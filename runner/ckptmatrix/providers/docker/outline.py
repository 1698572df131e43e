"""What can be said of a cell's image before an engine is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.images.recipe import Base, base_name, make_recipe
from ckptmatrix.matrix.wheels import index_of
from ckptmatrix.providers.docker.locks import (
    Locks,
    build_settings,
    local_wheels,
    reachable_sources,
)
from ckptmatrix.providers.venv.indexes import find_sources
from ckptmatrix.providers.venv.uv import Uv
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.images.recipe import Recipe, Settings
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.matrix.model import Build
    from ckptmatrix.providers.venv.locks import Lock

__all__ = ["Outline", "Outliner"]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is known of a cell's image before its base is looked up.

    Attributes:
        cell: The cell.
        base: Name of what its Dockerfile starts from.
        settings: How it is built.
        lock: What goes into it; None for a Debian suite.
    """

    cell: Cell
    base: str
    settings: Settings
    lock: Lock | None

    def recipe(self, identity: str = "", wheels: Mapping[str, Path] | None = None) -> Recipe:
        """How it is made.

        Args:
            identity: Of the base; see :class:`ckptmatrix.images.recipe.Base`.
            wheels: Files of this machine that go along.
        """
        return make_recipe(
            self.cell,
            self.settings,
            Base(name=self.base, identity=identity),
            lock=self.lock.text if self.lock else "",
            wheels=wheels,
        )


class Outliner:
    """Outlines the images of a matrix.

    Args:
        cache_dir: Where locks are kept; made when needed.
        build: The matrix's settings.
        environ: The user's environment variables.
        update_locks: Whether locks are made anew, once each.

    Raises:
        UsageError: A settings file of pip cannot be read.
    """

    def __init__(
        self,
        *,
        cache_dir: Path,
        build: Build,
        environ: Mapping[str, str],
        update_locks: bool = False,
    ) -> None:
        cache = cache_dir.absolute() / "docker"
        self._base = build.base
        self._environ = dict(environ)
        self._sources = reachable_sources(
            find_sources(
                self._environ,
                index=build.index or "",
                find_links=build.find_links or "",
                ca_bundle=str(build.ca_bundle or ""),
            )
        )
        uv = Uv(self._environ, cache)
        self._locks = Locks(cache / "locks", uv, self._sources, update=update_locks)

    def outline(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Outline:
        """Outline a cell's image; its lock is made when there is none.

        Args:
            cell: Not one of a user's image.
            cancel: Set when the user gave up.
            progress: Called with short phrases.

        Raises:
            CellError: Its requirements cannot be met, or it cannot be put into a Dockerfile.
            Cancelled: ``cancel`` was set.
        """
        lock = self._locks.get(cell, cancel=cancel, progress=progress) if cell.is_wheels else None
        index = index_of(cell.cuda) if lock is not None and not lock.unreached else None
        settings = build_settings(self._base, self._sources, first=index, environ=self._environ)
        try:
            outline = Outline(
                cell=cell, base=base_name(cell, settings), settings=settings, lock=lock
            )
            outline.recipe()
        except ValueError as error:
            raise CellError(Reason.INSTALL_FAILED, f"no image can be made: {error}") from error
        return outline

    def wheels(self, outline: Outline) -> dict[str, Path]:
        """Files of this machine that the lock names: name → file."""
        if outline.lock is None:
            return {}
        return local_wheels(outline.cell, outline.lock.text, self._sources)
