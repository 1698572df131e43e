"""``--model module:factory``: which file that is, found without running any of it."""

from __future__ import annotations

import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from ckptmatrix.errors import UsageError
from ckptmatrix.run.setting import UserModel
from ckptmatrix.small_files import read_small

__all__ = ["find_model"]

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_LONGEST = 200
_LARGEST = 4_000_000


def find_model(text: str) -> UserModel:
    """The model that an option names.

    Args:
        text: ``package.module:factory`` or ``path/to/file.py:factory``. A module is looked for in
            the current folder and where Python looks, and is not imported.

    Raises:
        UsageError: It is not written like that, or there is no such file.
    """
    source, colon, factory = text.rpartition(":")
    if not colon or not source or not _is_dotted(factory):
        msg = f"--model {text}: write module:factory or path/to/file.py:factory"
        raise UsageError(msg)
    if source.endswith(".py"):
        file, module = Path(source), Path(source).stem
        if not _is_dotted(module) or "." in module:
            msg = f"--model {text}: {module!r} cannot be imported under that name; rename the file"
            raise UsageError(msg)
    else:
        if not _is_dotted(source):
            msg = f"--model {text}: {source!r} is no module; write a file's path with its .py"
            raise UsageError(msg)
        file, module = _file_of(source, text), source
    try:
        read_small(file, _LARGEST)
    except OSError as error:
        msg = f"--model {text}: {file} cannot be read as a module of Python: {error.strerror}"
        raise UsageError(msg) from error
    return UserModel(file=file.resolve(), module=module, factory=factory)


def _is_dotted(text: str) -> bool:
    return len(text) <= _LONGEST and _DOTTED.fullmatch(text) is not None


def _file_of(module: str, text: str) -> Path:
    """The source of a module; its packages are looked through and not run."""
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    spec = None
    reached = ""
    for part in module.split("."):
        reached = f"{reached}.{part}" if reached else part
        # By its last name alone: a folder without __init__.py would look for its imported parent.
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            msg = f"--model {text}: there is no module {reached} here; give the path of its file"
            raise UsageError(msg)
        places = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None or not spec.origin.endswith(".py") or places:
        msg = f"--model {text}: {module} is not one file of Python; give the path of one"
        raise UsageError(msg)
    return Path(spec.origin)
