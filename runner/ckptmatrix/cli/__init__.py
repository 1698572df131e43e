"""The command line: parse, call one function, exit code."""

from __future__ import annotations

import click
from rich.console import Console

from ckptmatrix import __version__
from ckptmatrix.cli import files, machine, matrices, reports
from ckptmatrix.errors import ExitCode, ExpectedError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ckptmatrix")
def cli() -> None:
    """Know, not guess, which environments can load which PyTorch checkpoints."""


for _command in (
    matrices.run,
    matrices.plan,
    matrices.cases,
    matrices.schema,
    files.check,
    files.inspect,
    files.rescue,
    files.stamp,
    reports.report,
    reports.diff,
    reports.baseline,
    reports.gate,
    reports.history,
    machine.doctor,
    machine.clean,
    machine.images,
    machine.wheels,
):
    cli.add_command(_command)


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
