"""Which Pythons this machine has."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence

    from ckptmatrix.providers.venv.uv import Uv

__all__ = ["Interpreter", "list_interpreters", "parse_interpreters", "pick", "search_path"]


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python on this machine.

    Attributes:
        version: ``3.11.7``.
        path: Its executable.
    """

    version: str
    path: Path


def search_path(environ: Mapping[str, str]) -> str:
    """``PATH`` with the Pythons that pyenv keeps, instead of its shims.

    Shims hide all but the chosen Pythons, and starting every one of them takes seconds.
    """
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME") or "~") / ".pyenv")
    root = root.expanduser()
    kept = [str(folder) for folder in sorted(root.glob("versions/*/bin"))]
    rest = [
        folder
        for folder in environ.get("PATH", os.defpath).split(os.pathsep)
        if not (Path(folder).name == "shims" and Path(folder).is_relative_to(root))
    ]
    return os.pathsep.join([*kept, *rest])


def list_interpreters(
    uv: Uv, environ: Mapping[str, str], cancel: threading.Event
) -> list[Interpreter]:
    """Ask uv for the CPythons of this machine's own architecture, the best of each release first.

    Raises:
        Cancelled: ``cancel`` was set.
        CellError: uv did not answer.
    """
    answer = uv.run(
        "python",
        "list",
        "--only-installed",
        "--output-format=json",
        cancel=cancel,
        environ={"PATH": search_path(environ)},
    ).require("looking for Pythons failed")
    return parse_interpreters(json.loads(answer.stdout), platform.machine())


def parse_interpreters(entries: Iterable[Mapping[str, Any]], machine: str) -> list[Interpreter]:
    """Make sense of uv's answer.

    Args:
        entries: What ``uv python list --output-format=json`` says.
        machine: Architecture that can run here.

    Returns:
        Newest first; among equals, an interpreter itself before an environment's, and those before
        a shim, which is another Python tomorrow.
    """
    usable = [
        Interpreter(version=entry["version"], path=Path(entry["path"]))
        for entry in entries
        if entry["path"] is not None
        and entry["implementation"] == "cpython"
        and entry["variant"] == "default"
        and entry["arch"] == machine
    ]
    usable.sort(key=lambda found: len(found.path.name), reverse=True)
    usable.sort(key=lambda found: Version(found.version), reverse=True)
    usable.sort(key=_directness)
    return usable


def pick(python: str, found: Sequence[Interpreter]) -> Interpreter:
    """The interpreter for a cell.

    Args:
        python: ``3.11``, or ``3.11.7`` when it must be that one.
        found: What :func:`list_interpreters` gave.

    Raises:
        CellError: There is none; the message says which there are and how to get it.
    """
    asked = release_of(python)
    for interpreter in found:
        if release_of(interpreter.version)[: len(asked)] == asked:
            return interpreter
    versions = sorted({interpreter.version for interpreter in found}, key=Version)
    message = (
        f"there is no Python {python} on this machine (found: {', '.join(versions) or 'none'}); "
        f"install it, for example with «uv python install {python}» or «pyenv install {python}»"
    )
    raise CellError(Reason.PYTHON_NOT_FOUND, message)


def _directness(interpreter: Interpreter) -> int:
    if "shims" in interpreter.path.parts:
        return 2
    return int((interpreter.path.parent.parent / "pyvenv.cfg").exists())
