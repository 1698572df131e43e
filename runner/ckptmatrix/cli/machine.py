"""Commands about what this machine has: tools, leftovers, images, tables."""

from __future__ import annotations

from pathlib import Path

import click

from ckptmatrix.cli.options import AS_JSON, CELLS, MATRIX, OUT

__all__ = ["clean", "doctor", "images", "wheels"]


@click.command()
@OUT
@AS_JSON
def doctor(*, out: Path, as_json: bool) -> int:
    """Say what this machine has and lacks, and the command that mends it."""
    from ckptmatrix.commands.doctor import doctor_command

    return doctor_command(reports=out, as_json=as_json)


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also what belongs to runs that live.")
@AS_JSON
def clean(*, everything: bool, as_json: bool) -> int:
    """Remove containers and volumes that runs which died left in the Docker engine."""
    from ckptmatrix.commands.clean import clean_command

    return clean_command(everything=everything, as_json=as_json)


@click.group()
def images() -> None:
    """The images that cells run in."""


@images.command()
@MATRIX
@CELLS
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the Dockerfiles; they are printed when it is not given.",
)
@click.option("--update-locks", is_flag=True, help="Resolve packages anew instead of by lock.")
def render(matrix: Path, cells: str | None, out: Path | None, *, update_locks: bool) -> int:
    """Write the Dockerfiles of a matrix; no engine is needed."""
    from ckptmatrix.commands.images import render_command

    return render_command(matrix, cells=cells, out=out, update_locks=update_locks)


@images.command()
@MATRIX
@CELLS
@click.option(
    "--builder",
    type=click.Choice(["auto", "bake", "classic"]),
    default="auto",
    show_default=True,
    help="docker buildx bake, or the engine's classic builder.",
)
@click.option("--update-locks", is_flag=True, help="Resolve packages anew instead of by lock.")
@AS_JSON
def build(
    matrix: Path, cells: str | None, builder: str, *, update_locks: bool, as_json: bool
) -> int:
    """Build the images of a matrix; those that are unchanged are found ready."""
    from ckptmatrix.commands.images import build_command

    return build_command(
        matrix, cells=cells, builder=builder, update_locks=update_locks, as_json=as_json
    )


@images.command()
@MATRIX
@click.option("--dry-run", is_flag=True, help="Remove nothing, only say what would be removed.")
@AS_JSON
def prune(matrix: Path, *, dry_run: bool, as_json: bool) -> int:
    """Remove images of cells that the matrix does not have any more."""
    from ckptmatrix.commands.images import prune_command

    return prune_command(matrix, dry_run=dry_run, as_json=as_json)


@click.group()
def wheels() -> None:
    """The table of published torch wheels."""


@wheels.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: matrices/data/wheels.json of the checkout]",
)
def refresh(*, out: Path | None) -> int:
    """Read the package indexes anew and write the table."""
    from ckptmatrix.commands.wheels import refresh_command

    return refresh_command(out=out)
