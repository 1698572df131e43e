"""``ckptmatrix images``: the Dockerfiles of a matrix, their builds, and old images."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ckptmatrix.commands.places import cache_folder
from ckptmatrix.errors import CellError, ExitCode, UsageError
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cells
from ckptmatrix.providers.docker.bake import BakeBuilder
from ckptmatrix.providers.docker.classic import ClassicBuilder
from ckptmatrix.providers.docker.engine import connect, has_buildx
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.providers.docker.outline import Outliner
from ckptmatrix.providers.docker.prune import prune_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ckptmatrix.images.recipe import Recipe
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.matrix.model import Matrix
    from ckptmatrix.providers.base import Environment
    from ckptmatrix.providers.docker.build import Builder

__all__ = ["build_command", "prune_command", "render_command"]


def render_command(
    path: Path, *, cells: str | None, out: Path | None, update_locks: bool = False
) -> int:
    """Write the Dockerfiles of a matrix; no engine is asked.

    The label with the base's identity, which only an engine knows, is left out.

    Args:
        path: The matrix file.
        cells: Patterns of the cells wanted, or None for all.
        out: Folder for ``<cell>.Dockerfile`` (classic builder), ``<cell>.buildkit.Dockerfile``,
            ``<cell>.requirements.txt``; None prints what BuildKit would be given.
        update_locks: Whether packages are resolved anew.

    Returns:
        3 when a cell's requirements cannot be met.

    Raises:
        ckptmatrix.errors.ExpectedError: The file or a pattern is wrong.
    """
    matrix, chosen = _chosen(path, cells)
    outliner = Outliner(
        cache_dir=cache_folder(), build=matrix.build, environ=os.environ, update_locks=update_locks
    )
    shown = Console(stderr=True)
    code = ExitCode.COMPLETE
    for cell in chosen:
        if cell.image is not None:
            shown.print(Text(f"{cell.id}: nothing is built of the image {cell.image}"))
            continue
        try:
            recipe = outliner.outline(cell, cancel=threading.Event(), progress=_nothing).recipe()
        except CellError as error:
            code = ExitCode.UNUSABLE
            shown.print(Text(f"{cell.id}: error: {error.message}"), soft_wrap=True)
            continue
        if out is None:
            click.echo(f"# {cell.id}\n{recipe.buildkit_dockerfile}")
        else:
            _write(out, recipe)
    return code


def build_command(
    path: Path, *, cells: str | None, builder: str, update_locks: bool, as_json: bool
) -> int:
    """Build the images of a matrix, at the same time where BuildKit does.

    Args:
        path: The matrix file.
        cells: Patterns of the cells wanted, or None for all.
        builder: ``auto``, ``bake`` or ``classic``.
        update_locks: Whether packages are resolved anew.
        as_json: Whether the answer is JSON.

    Returns:
        3 when one could not be built.

    Raises:
        ckptmatrix.errors.ExpectedError: The file or a pattern is wrong, or no engine answers.
    """
    matrix, chosen = _chosen(path, cells)
    shown = Console(stderr=True)
    with closing(connect(os.environ)) as api:
        images = Images(
            api=api,
            cache_dir=cache_folder(),
            build=matrix.build,
            environ=os.environ,
            builder=_builder(builder),
            update_locks=update_locks,
        )
        answers = images.make_all(
            chosen,
            cancel=threading.Event(),
            progress=lambda cell, phrase: shown.print(Text(f"{cell}: {phrase}"), soft_wrap=True),
        )
        sizes = {
            name: api.inspect_image(made.location)["Size"]  # type: ignore[no-untyped-call]
            for name, made in answers.items()
            if not isinstance(made, CellError)
        }
    if as_json:
        rows = [_as_json(name, made, sizes.get(name)) for name, made in answers.items()]
        click.echo(json.dumps(rows, indent=2))
    else:
        _show_built(Console(), answers, sizes)
    failed = any(isinstance(made, CellError) for made in answers.values())
    return ExitCode.UNUSABLE if failed else ExitCode.COMPLETE


def prune_command(path: Path, *, dry_run: bool, as_json: bool) -> int:
    """Remove images that were built for cells the matrix does not have, and older ones of its own.

    Args:
        path: The matrix file.
        dry_run: Whether nothing is removed.
        as_json: Whether the answer is JSON.

    Raises:
        ckptmatrix.errors.ExpectedError: The file is wrong, or no engine answers.
    """
    matrix = load_matrix(path)
    with closing(connect(os.environ)) as api:
        pruned = prune_images(api, {cell.id for cell in matrix.cells}, dry_run=dry_run)
    if as_json:
        rows = [
            {"image": each.name, "cell": each.cell, "bytes": each.bytes, "kept": each.kept}
            for each in pruned
        ]
        click.echo(json.dumps(rows, indent=2))
        return ExitCode.COMPLETE
    verb = "would remove" if dry_run else "removed"
    for each in pruned:
        word = f"kept, {each.kept}:" if each.kept else verb
        click.echo(f"{word} {each.name} ({each.bytes / 1e6:,.0f} MB)")
    click.echo(f"{verb} {sum(not each.kept for each in pruned)} images")
    return ExitCode.COMPLETE


def _chosen(path: Path, cells: str | None) -> tuple[Matrix, Sequence[Cell]]:
    matrix = load_matrix(path)
    return matrix, matrix.cells if cells is None else select_cells(matrix.cells, cells)


def _builder(name: str) -> Builder | None:
    match name:
        case "auto":
            return None
        case "classic":
            return ClassicBuilder(os.environ)
        case "bake" if has_buildx(os.environ):
            return BakeBuilder(os.environ)
        case _:
            message = (
                "builder bake needs the docker command and its buildx plugin on this machine "
                "(Debian: docker-buildx); take --builder classic"
            )
            raise UsageError(message)


def _write(folder: Path, recipe: Recipe) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "Dockerfile": recipe.dockerfile.encode(),
        "buildkit.Dockerfile": recipe.buildkit_dockerfile.encode(),
        "requirements.txt": recipe.files.get("requirements.txt", b""),
    }
    for name, text in texts.items():
        if isinstance(text, bytes) and text:
            (folder / f"{recipe.cell}.{name}").write_bytes(text)


def _as_json(name: str, made: Environment | CellError, size: int | None) -> dict[str, Any]:
    if isinstance(made, CellError):
        return {
            "cell": name,
            "error": made.reason,
            "message": made.message,
            "log_tail": made.log_tail,
        }
    return {
        "cell": name,
        "image": made.location,
        "reused": made.reused,
        "bytes": size,
        "packages": made.packages,
        "notes": made.notes,
    }


def _show_built(
    console: Console, answers: dict[str, Environment | CellError], sizes: dict[str, int]
) -> None:
    table = Table()
    table.add_column("cell", overflow="fold")
    table.add_column("image")
    table.add_column("size", justify="right")
    table.add_column("", overflow="fold")
    for name, made in answers.items():
        if isinstance(made, CellError):
            table.add_row(Text(name), "", "", Text(f"error: {made.message}"))
            continue
        word = "ready" if made.reused else "built"
        table.add_row(
            Text(name),
            made.location.removeprefix("sha256:")[:12],
            f"{sizes[name] / 1e6:,.0f} MB",
            Text("; ".join([word, *made.notes])),
        )
    console.print(table)
    for name, made in answers.items():
        if isinstance(made, CellError) and made.log_tail:
            console.print(Text(f"\n{name}: end of the log"), style="bold")
            console.print(Text(made.log_tail), soft_wrap=True)


def _nothing(_phrase: str) -> None:
    """Progress that nobody is shown."""
