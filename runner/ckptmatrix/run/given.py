"""A user's own file: read without executing it, hashed once, and what loading it may do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format
from ckptmatrix.catalogue import given_cases
from ckptmatrix.errors import UsageError
from ckptmatrix.sidecar import SidecarAnswer, read_sidecar
from ckptmatrix.store.describe import describe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.wire import Checkpoint

__all__ = [
    "MAX_BYTES",
    "GivenFile",
    "dangers_of",
    "given_case",
    "open_given",
    "require_consent",
    "why_no_checkpoint",
]

#: Largest file or folder that is taken.
MAX_BYTES = 64_000_000_000
_CASES = {
    Format.ZIP: "given_pickle",
    Format.LEGACY: "given_legacy",
    Format.TAR: "given_legacy",
    Format.PICKLE: "given_legacy",
    Format.TORCHSCRIPT: "given_torchscript",
    Format.EXPORT: "given_export",
    Format.PACKAGE: "given_package",
    Format.SAFETENSORS: "given_safetensors",
    Format.DCP: "given_dcp",
    # Cut off, or of a kind that only torch may know: what torch.load says is the answer.
    Format.UNKNOWN: "given_pickle",
}
_NOT_CHECKPOINTS = {
    Format.HTML: "it is an HTML page: what was downloaded is not the file but a page about it",
    Format.LFS_POINTER: "it is a pointer of Git LFS: run `git lfs pull` to get the file",
    Format.EMPTY: "it is empty",
}
#: Formats whose loading runs code that the file brings along, whatever a reading says of them.
_BRINGS_CODE = {Format.PACKAGE: "loading it runs the Python code in it"}


@dataclass(frozen=True, kw_only=True)
class GivenFile:
    """A file that nobody here saved.

    Attributes:
        path: As the user wrote it.
        checkpoint: Its size and digests.
        reading: What it says of itself.
        case: How cells load it.
        sidecar: What was found beside it.
    """

    path: Path
    checkpoint: Checkpoint
    reading: Reading
    case: CaseInfo
    sidecar: SidecarAnswer

    @property
    def place(self) -> str:
        """Where cells find it, relative to their input folder."""
        return f"given/{self.checkpoint.sha256}/{self.case.filename}"


def given_case(name: str) -> CaseInfo:
    """The case of that name, among those of given files.

    Raises:
        KeyError: There is none.
    """
    return {case.name: case for case in given_cases()}[name]


def open_given(paths: Iterable[Path], *, memory_bytes: int) -> tuple[GivenFile, ...]:
    """Read and hash a user's files. None is executed, moved or written to.

    Args:
        paths: Files or folders; one that is given twice is taken once.
        memory_bytes: What one load may use: a file larger than that cannot be loaded at all.

    Raises:
        UsageError: Some are missing, unreadable, too large or no checkpoints; names all of them.
    """
    found: dict[Path, GivenFile] = {}
    problems = []
    for path in paths:
        try:
            found.setdefault(path.absolute(), _opened(path, memory_bytes))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(found.values())


def _opened(path: Path, memory_bytes: int) -> GivenFile:
    try:
        size = path.stat().st_size
        if not path.is_dir() and not path.is_file():
            msg = f"{path} is neither a file nor a folder"
            raise UsageError(msg)
        if path.is_file():
            _require_size(path, size, memory_bytes)
        elif not os.access(path, os.R_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
        reading = read_checkpoint(path)
    except FileNotFoundError as error:
        msg = f"{path}: there is no such file"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise UsageError(msg) from error
    if (why := why_no_checkpoint(reading, is_folder=path.is_dir())) is not None:
        msg = f"{path} is not a checkpoint: {why}"
        raise UsageError(msg)
    _require_size(path, reading.bytes, memory_bytes)
    return GivenFile(
        path=path,
        checkpoint=describe(path),
        reading=reading,
        case=given_case(_CASES[reading.format]),
        sidecar=read_sidecar(path),
    )


def _require_size(path: Path, size: int, memory_bytes: int) -> None:
    if size > MAX_BYTES:
        msg = f"{path} has {size:,} bytes; {MAX_BYTES:,} are the most that is taken"
        raise UsageError(msg)
    if size > memory_bytes:
        msg = (
            f"{path} has {size:,} bytes and one load may use {memory_bytes:,} bytes of memory\n"
            "    fix: raise `limits: {memory: …}` in the matrix and give it with --matrix"
        )
        raise UsageError(msg)


def why_no_checkpoint(reading: Reading, *, is_folder: bool) -> str | None:
    """Why a file or folder is no checkpoint; None when it may be one."""
    if reading.format in _NOT_CHECKPOINTS:
        return _NOT_CHECKPOINTS[reading.format]
    if reading.format is Format.OTHER:
        return f"it is {reading.note}" if reading.note else "it is a file of another kind"
    if is_folder and reading.format not in _CASES.keys() - {Format.UNKNOWN}:
        return "the folder is none of torch.distributed.checkpoint"
    return None


def dangers_of(reading: Reading) -> tuple[str, ...]:
    """What loading a file may do beyond making plain data, one sentence each."""
    found = [f"{each.what}: {each.why}" for each in reading.dangers]
    if reading.format in _BRINGS_CODE:
        found.append(_BRINGS_CODE[reading.format])
    if reading.format is Format.UNKNOWN or reading.incomplete:
        why = reading.incomplete or "its format is not known"
        found.append(f"not all of it could be read beforehand: {why}")
    if reading.unfollowed:
        found.append(f"what it does is not known to its end: {reading.unfollowed}")
    return tuple(dict.fromkeys(found))


def require_consent(files: Iterable[GivenFile], provider: str, *, trust: bool) -> None:
    """Refuse to load what may run code where nothing contains it.

    Args:
        files: What is to be loaded.
        provider: ``venv`` contains nothing: what a cell loads runs as the user.
        trust: Whether the user said that they trust the files.

    Raises:
        UsageError: Consent is needed.
    """
    if trust or provider != "venv":
        return
    lines = []
    for file in files:
        if dangers := dangers_of(file.reading):
            lines.append(f"{file.path} can do more than hold data:")
            lines += [f"    {danger[:300]}" for danger in dangers[:_SHOWN]]
            if len(dangers) > _SHOWN:
                lines.append(f"    and {len(dangers) - _SHOWN} more: see `ckptmatrix inspect`")
    if lines:
        lines.append(
            "cells of the provider venv run as you and contain nothing; nothing was loaded"
        )
        lines.append(
            "    fix: give --trust when you trust where it comes from, or take --provider docker"
        )
        raise UsageError("\n".join(lines))


_SHOWN = 10
