"""``ckptmatrix wheels``: the table of published torch wheels, read anew from the indexes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ckptmatrix import shipped
from ckptmatrix.atomic import write_atomic
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.matrix.refresh import refresh, render, table_of
from ckptmatrix.matrix.wheels import index_of, load_facts
from ckptmatrix.system_errors import explain_os_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.matrix.wheels import Releases

__all__ = ["read_index", "refresh_command"]

_TIMEOUT = (10, 60)
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")


def refresh_command(*, out: Path | None, environ: Mapping[str, str] = os.environ) -> int:
    """Read the indexes and write the table.

    Args:
        out: Where it is written; the table of this checkout when None.
        environ: The variables that name an index of one's own for pip and uv are honoured.

    Returns:
        3 when no index answered; nothing is written then.

    Raises:
        UsageError: The library that reads indexes is not installed, there is no checkout to write
            to, or the file cannot be written.
    """
    target = out or _table_of_checkout()
    own = next((environ[name] for name in _INDEX_VARIABLES if environ.get(name)), None)
    today = datetime.now(UTC).date().isoformat()
    found = refresh(load_facts(), lambda build: read_index(index_of(build) or own), today=today)
    for line in found.said:
        click.echo(line)
    if not found.answers:
        click.echo("no index answered; nothing was written", err=True)
        return ExitCode.UNUSABLE
    try:
        write_atomic(target, render(found.builds, found.dates))
    except OSError as error:
        what, fix = explain_os_error(error)
        msg = f"{target}: {what}\n    fix: {fix}"
        raise UsageError(msg) from error
    click.echo(f"written: {target}")
    return ExitCode.COMPLETE


def _table_of_checkout() -> Path:
    folder = shipped.matrices()
    if folder.is_relative_to(Path(__file__).parent.parent):
        msg = (
            "the table of an installed package is not changed in place\n"
            "    fix: give --out FILE, or run this in a checkout of the sources"
        )
        raise UsageError(msg)
    return folder / "data" / "wheels.json"


def read_index(endpoint: str | None) -> dict[str, Releases] | None:
    """The wheels of torch in one index, or None when it does not answer.

    Args:
        endpoint: Address of its root; None for Python's own index.

    Raises:
        UsageError: The library that reads indexes is not installed.
    """
    try:
        from pypi_simple import (  # noqa: PLC0415 - an extra
            NoSuchProjectError,
            PyPISimple,
            UnsupportedContentTypeError,
        )
        from requests import RequestException  # noqa: PLC0415 - comes with the same extra
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed; install the extra: pip install 'ckptmatrix[wheels]'"
        raise UsageError(msg) from None
    try:
        with PyPISimple(endpoint) if endpoint else PyPISimple() as client:
            page = client.get_project_page("torch", timeout=_TIMEOUT)
    except NoSuchProjectError:
        return {}
    except (RequestException, UnsupportedContentTypeError):
        return None
    return table_of((file.filename, file.size) for file in page.packages)
