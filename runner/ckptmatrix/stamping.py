"""Writes the sidecar of a user's checkpoint: of this interpreter, or of another one.

Torch is never imported here: what is known of it is what the caller has imported, or what the
installed distributions say.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckptmatrix import __version__
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.errors import UsageError
from ckptmatrix.sidecar import (
    Architecture,
    Environment,
    Git,
    Sidecar,
    architecture,
    architecture_of_reading,
    plain_value,
    write_sidecar,
)
from ckptmatrix.store.describe import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["environment_here", "git_state", "stamp_file"]

_GIT_S = 5.0


def stamp_file(
    path: Path | str,
    *,
    model: object = None,
    optimizer: object = None,
    config: object = None,
    extra: Mapping[str, object] | None = None,
    environment: Environment | None = None,
) -> Path:
    """Write the sidecar of a checkpoint.

    Args:
        path: The file or folder.
        model: Anything with a ``state_dict()``; without one the file's own tensors are listed.
        optimizer: Anything with ``param_groups``; its class and its ``defaults`` are noted.
        config: Training parameters: what JSON can hold; other things become text.
        extra: Whatever else is to be noted.
        environment: What it was made with; this interpreter when None.

    Returns:
        The sidecar.

    Raises:
        UsageError: The file cannot be read, the model or the optimizer is none, or the sidecar
            cannot be written.
    """
    path = Path(path)
    if not path.exists():
        msg = f"{path}: there is no such file"
        raise UsageError(msg)
    checkpoint = describe(path)
    sidecar = Sidecar(
        sha256=checkpoint.sha256,
        bytes=checkpoint.bytes,
        written=datetime.now(UTC),
        by=f"ckptmatrix {__version__}",
        environment=environment or environment_here(),
        git=git_state(Path.cwd()),
        architecture=_architecture(path, model),
        optimizer=None if optimizer is None else _optimizer(optimizer),
        config=plain_value(config),
        extra=plain_value(dict(extra or {})),
    )
    try:
        return write_sidecar(path, sidecar)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        msg = f"the sidecar of {path} cannot be written: {what}"
        raise UsageError(msg) from error


def environment_here() -> Environment:
    """What this interpreter is."""
    torch = sys.modules.get("torch")
    built = getattr(torch, "version", None)
    return Environment(
        torch=_text(getattr(torch, "__version__", None)) or _installed("torch"),
        cuda=_text(getattr(built, "cuda", None)),
        hip=_text(getattr(built, "hip", None)),
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        numpy=_text(getattr(sys.modules.get("numpy"), "__version__", None)) or _installed("numpy"),
        platform=platform.platform(),
        machine=platform.machine(),
        packages=tuple(sorted(_packages(), key=str.lower)[:3_000]),
    )


def git_state(folder: Path) -> Git | None:
    """State of the repository that a folder is in; None when it is in none, or Git cannot tell."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD") or ""
    return Git(commit=commit, branch=branch[:1_000], dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - Git itself, with arguments of ours
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own Git
            capture_output=True,
            timeout=_GIT_S,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "backslashreplace").strip()


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:1_000]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[str]:
    for each in metadata.distributions():
        name = each.metadata["Name"]
        if name:
            yield f"{name}=={each.version}"[:1_000]


def _architecture(path: Path, model: object) -> Architecture | None:
    if model is None:
        try:
            return architecture_of_reading(read_checkpoint(path))
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror or error}"
            raise UsageError(msg) from error
    if isinstance(model, type):
        msg = f"{model.__name__} is a class: give a model of it, {model.__name__}() say"
        raise UsageError(msg)
    if not hasattr(model, "state_dict"):
        msg = f"{type(model).__name__} has no state_dict(): give the model itself"
        raise UsageError(msg)
    kind = type(model)
    try:
        state: dict[str, Any] = model.state_dict()
        tensors = [
            (str(name), str(value.dtype), [int(size) for size in value.shape])
            for name, value in state.items()
            if hasattr(value, "dtype") and hasattr(value, "shape")
        ]
        return architecture(f"{kind.__module__}.{kind.__qualname__}", tensors, len(tensors))
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        msg = f"the state_dict() of {kind.__name__} cannot be listed: {what}"
        raise UsageError(msg) from error


def _optimizer(optimizer: object) -> dict[str, Any]:
    kind = type(optimizer)
    groups = getattr(optimizer, "param_groups", None)
    if isinstance(optimizer, type) or not isinstance(groups, list | tuple):
        name = optimizer.__name__ if isinstance(optimizer, type) else kind.__name__
        msg = f"{name} has no param_groups: give the optimizer itself"
        raise UsageError(msg)
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "defaults": plain_value(getattr(optimizer, "defaults", {})),
        "groups": len(groups),
    }
