"""``ckptmatrix clean``: remove what runs that died left in a Docker engine."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import asdict

import click

from ckptmatrix.errors import ExitCode
from ckptmatrix.providers.docker.clean import clean
from ckptmatrix.providers.docker.engine import connect

__all__ = ["clean_command"]


def clean_command(*, everything: bool, as_json: bool) -> int:
    """Print what was removed and what was not.

    Args:
        everything: Also what belongs to runs that live.
        as_json: Whether that is printed as JSON.

    Returns:
        0, or 3 when the engine would not remove something.

    Raises:
        ckptmatrix.errors.EngineError: No engine can be used.
    """
    with closing(connect(os.environ)) as api:
        cleaned = clean(api, everything=everything)
    if as_json:
        click.echo(json.dumps(asdict(cleaned), indent=2))
    else:
        for kind, names in (("container", cleaned.containers), ("volume", cleaned.volumes)):
            for name in names:
                click.echo(f"removed {kind} {name}")
        for name in cleaned.spared:
            click.echo(f"spared {name}: its run may live; --all removes it all the same")
        for name, why in cleaned.refused:
            click.echo(f"could not remove {name}: {why}")
        if not (cleaned.containers or cleaned.volumes or cleaned.spared or cleaned.refused):
            click.echo("nothing was left behind")
    return ExitCode.UNUSABLE if cleaned.refused else ExitCode.COMPLETE
