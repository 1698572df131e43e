"""Commands about a user's own checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ckptmatrix.cli.options import AS_JSON, CELLS, JOBS, OUT, PROVIDER, REPORTS, STORE, TRUST

__all__ = ["check", "inspect", "rescue", "stamp"]


@click.command(
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
@JOBS
@OUT
@STORE
@click.option("--fresh", is_flag=True, help="Ignore what earlier checks saw.")
@AS_JSON
def check(files: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401 - click hands options by name
    """Load your own FILES in every cell and mode, compare what the cells see, and say what helps.

    Nobody here saved the files, so cells are compared with each other: what most of them see is
    the reference. A file that can do more than hold data is loaded in cells of the provider venv,
    which contain nothing, only with --trust.
    """
    from ckptmatrix.commands.check import check_command

    return check_command(files, **options)


@click.command(
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


@click.command(
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
@JOBS
@REPORTS
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


@click.command()
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
