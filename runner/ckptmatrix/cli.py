"""The command line: parse, call one function, exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ckptmatrix import __version__
from ckptmatrix.errors import ExitCode, ExpectedError

__all__ = ["main"]

MATRIX = click.argument("matrix", type=click.Path(path_type=Path))
CELLS = click.option("--cells", metavar="GLOB", help="Only these cells: 'py3.1*,!*-torch1.*'.")
CASES = click.option("--cases", metavar="GLOB", help="Only these cases: 'module_*,family:numpy'.")
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where run folders land.",
)
PROVIDER = click.option(
    "--provider",
    type=click.Choice(["auto", "venv", "docker"]),
    help="Where environments come from; the matrix's hosts say so when this is not given.",
)
STORE = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where checkpoints and observations are kept.  [default: OUT/.store]",
)
TRUST = click.option(
    "--trust", is_flag=True, help="You trust the files: load them where nothing contains them."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ckptmatrix")
def cli() -> None:
    """Know, not guess, which environments can load which PyTorch checkpoints."""


@cli.command()
@MATRIX
@PROVIDER
@CELLS
@CASES
@click.option("--jobs", type=click.IntRange(1, 256), help="Jobs at a time; the cores by default.")
@OUT
@STORE
@click.option("--fresh", is_flag=True, help="Ignore what earlier runs saw.")
@click.option("--update-locks", is_flag=True, help="Resolve packages anew instead of by lock.")
@AS_JSON
def run(matrix: Path, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Save in every cell, load in every other, print the table and write a report."""
    from ckptmatrix.commands.run import run_command

    return run_command(matrix, **options)


@cli.command()
@MATRIX
@PROVIDER
@CELLS
@CASES
@OUT
@STORE
@AS_JSON
def plan(matrix: Path, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Show what a run would do and cost, what is known already, and what is left out and why."""
    from ckptmatrix.commands.plan import plan_command

    return plan_command(matrix, **options)


@cli.command(
    epilog="""Exit codes: 0 every cell that could be asked loads every file in some mode and all see
    the same; 1 some cell cannot, sees something else, or cannot put it into the model as it is; 2
    wrong usage, or consent is needed; 3 something could not be measured, or no cell could be asked;
    130 interrupted."""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    help="Which cells.  [default: the matrix that is shipped as default.yaml]",
)
@PROVIDER
@CELLS
@click.option(
    "--model",
    metavar="MODULE:FACTORY",
    help="Also load_state_dict into what this makes: mine:make, or path/to/mine.py:make. Cells get "
    "that one file and no other of yours.",
)
@TRUST
@click.option("--jobs", type=click.IntRange(1, 256), help="Jobs at a time; the cores by default.")
@OUT
@STORE
@click.option("--fresh", is_flag=True, help="Ignore what earlier checks saw.")
@AS_JSON
def check(files: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401 - as above
    """Load your own FILES in every cell and mode, compare what the cells see, and say what helps.

    Nobody here saved the files, so cells are compared with each other: what most of them see is
    the reference. A file that can do more than hold data is loaded in cells of the provider venv,
    which contain nothing, only with --trust.
    """
    from ckptmatrix.commands.check import check_command

    return check_command(files, **options)


@cli.command(
    epilog="""Exit codes: 0 every file is a checkpoint, whole and read to its end; 1 one of them is
    damaged, no checkpoint, or too much to read; 2 wrong usage, or a file that cannot be opened."""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tensors", is_flag=True, help="List every tensor, not only the first ones.")
@AS_JSON
def inspect(files: tuple[Path, ...], *, tensors: bool, as_json: bool) -> int:
    """Say what FILES are and need, without torch and without executing anything in them."""
    from ckptmatrix.commands.inspect import inspect_command

    return inspect_command(files, tensors=tensors, as_json=as_json)


@cli.command(
    epilog="""Exit codes: 0 the cell loads the file as it is, or loads the new file and sees the
    same; 1 there is no way, or the new file is not the same; 2 wrong usage, or consent is needed; 3
    the cell cannot be used; 130 interrupted."""
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="CELL", help="The cell that is to load it.")
@click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    help="Has the cells.  [default: the matrix that is shipped as default.yaml]",
)
@PROVIDER
@CELLS
@click.option(
    "--out",
    "output",
    type=click.Path(path_type=Path),
    help="The new file.  [default: beside FILE, named after the cell]",
)
@click.option("--force", is_flag=True, help="Replace the new file when it is there already.")
@TRUST
@click.option("--jobs", type=click.IntRange(1, 256), help="Jobs at a time; the cores by default.")
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where the logs land.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where checkpoints and observations are kept.  [default: REPORTS/.store]",
)
@AS_JSON
def rescue(path: Path, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Make of FILE one that CELL can load.

    Cells that load the file save it again, as a zip file and in the legacy format; when CELL loads
    none of these, over one more cell. What CELL sees in the new file is compared with what was in
    the old one. FILE itself is never written to.
    """
    from ckptmatrix.commands.rescue import rescue_command

    return rescue_command(path, **options)


@cli.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="MODULE:FACTORY",
    help="List the tensors of what this makes, here, instead of the file's own.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Training parameters to keep: a file of YAML or JSON.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="The interpreter that made FILE, of Python 3.6 or later; this one when not given.",
)
@AS_JSON
def stamp(path: Path, **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Write FILE.ckptmatrix.json: what FILE was made with.

    Versions of torch, CUDA, NumPy and Python, the packages, the state of the Git repository, the
    model's tensors and the digest of FILE. In a training script: ckptmatrix.stamp(path,
    model=model, optimizer=optimizer, config=config).
    """
    from ckptmatrix.commands.stamp import stamp_command

    return stamp_command(path, **options)


@cli.command()
@OUT
@AS_JSON
def doctor(*, out: Path, as_json: bool) -> int:
    """Say what this machine has and lacks, and the command that mends it."""
    from ckptmatrix.commands.doctor import doctor_command

    return doctor_command(reports=out, as_json=as_json)


@cli.command()
@click.option("--all", "everything", is_flag=True, help="Also what belongs to runs that live.")
@AS_JSON
def clean(*, everything: bool, as_json: bool) -> int:
    """Remove containers and volumes that runs which died left in the Docker engine."""
    from ckptmatrix.commands.clean import clean_command

    return clean_command(everything=everything, as_json=as_json)


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@CASES
@AS_JSON
def cases(files: tuple[Path, ...], cases: str | None, *, as_json: bool) -> int:
    """List the cases by family; FILES are case files of your own to list as well."""
    from ckptmatrix.commands.cases import cases_command

    return cases_command(files, patterns=cases, as_json=as_json)


@cli.group()
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


@cli.group()
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


@cli.command()
def schema() -> int:
    """Print the JSON Schema of matrix files."""
    from ckptmatrix.matrix.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
    return ExitCode.COMPLETE


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: What follows the program's name; ``sys.argv`` when None.
    """
    try:
        code = cli.main(arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except ExpectedError as error:
        console = Console(stderr=True)
        console.print("[bold red]error:[/] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except SystemExit as error:
        # So click and rich end, with 1, when the reader of a pipe went away; both silence what
        # follows. Whatever else ends the program so has not done what was asked.
        code = ExitCode.COMPLETE if error.code == 1 else ExitCode.UNUSABLE
    except OSError as error:
        # A full disk, a folder taken away: where nothing nearer could say more.
        where = error.filename or "standard output"
        click.echo(f"error: {where}: {error.strerror or error}", err=True)
        return ExitCode.UNUSABLE
    return int(code or ExitCode.COMPLETE)


if __name__ == "__main__":
    sys.exit(main())
