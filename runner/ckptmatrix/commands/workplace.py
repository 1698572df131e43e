"""What commands that start cells have in common: the provider, and a folder for what they leave."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckptmatrix.commands.places import cache_folder
from ckptmatrix.errors import UsageError
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.store.failures import explained

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.matrix.model import Matrix
    from ckptmatrix.providers.base import Provider

__all__ = ["make_provider", "new_folder"]


def make_provider(
    name: str, matrix: Matrix, run_id: str, *, update_locks: bool = False
) -> Provider:
    """The provider that was chosen.

    Args:
        name: ``venv`` or ``docker``.
        matrix: Says how environments are made.
        run_id: For the labels of what containers leave.
        update_locks: Whether packages are resolved anew.
    """
    cache = cache_folder()
    with explained(cache):
        (cache / "programs").mkdir(parents=True, exist_ok=True)
        program = build_cell_program(cache / "programs")
    build, limits = matrix.build, matrix.limits
    # Only the one that is used is imported: the other's libraries take a while.
    if name == "docker":
        from ckptmatrix.providers.docker.engine import connect
        from ckptmatrix.providers.docker.images import Images
        from ckptmatrix.providers.docker.provider import DockerProvider
        from ckptmatrix.providers.docker.sandbox import Bounds

        api = connect(os.environ)
        images = Images(
            api=api,
            cache_dir=cache,
            build=build,
            environ=os.environ,
            update_locks=update_locks,
        )
        bounds = Bounds(pids=limits.pids)
        return DockerProvider(
            api=api, images=images, cell_program=program, run=run_id, bounds=bounds
        )
    from ckptmatrix.providers.venv.provider import VenvProvider

    return VenvProvider(
        cache_dir=cache,
        cell_program=program,
        index=build.index or "",
        find_links=build.find_links or "",
        ca_bundle=str(build.ca_bundle or ""),
        update_locks=update_locks,
    )


def new_folder(parent: Path) -> Path:
    """A folder of the run's own; its name is the time, with a number when that is taken.

    Raises:
        UsageError: It cannot be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1_000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            (folder / "jobs").mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            msg = f"{folder} cannot be made: {error.strerror}\n    fix: give another --out"
            raise UsageError(msg) from error
        return folder
    msg = f"{parent} has too many runs of this second"
    raise UsageError(msg)
