"""``ckptmatrix inspect``: what checkpoint files say of themselves; nothing in them is executed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format
from ckptmatrix.commands.inspect_report import print_reading
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.report.text import encodable
from ckptmatrix.sidecar import read_sidecar

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.sidecar import SidecarAnswer

__all__ = ["inspect_command"]

_NO_CHECKPOINT = frozenset(
    {Format.HTML, Format.LFS_POINTER, Format.EMPTY, Format.OTHER, Format.UNKNOWN}
)
#: Largest file whose digest is compared with that of its sidecar.
_HASHED = 256 << 20
_CHUNK = 1 << 20


def inspect_command(files: tuple[Path, ...], *, tensors: bool, as_json: bool) -> int:
    """Print what files say of themselves.

    Args:
        files: Files and folders.
        tensors: Whether every tensor is printed, not the first ones only.
        as_json: Whether to print JSON, one object a file in a list.

    Returns:
        0 when every file is a checkpoint, whole and read to its end; 1 when one is not.

    Raises:
        UsageError: One cannot be opened; those that can are printed first.
    """
    code = ExitCode.COMPLETE
    answers: list[dict[str, Any]] = []
    problems: list[str] = []
    console = Console()
    for path in files:
        try:
            reading = read_checkpoint(path)
            sidecar = read_sidecar(path)
            digest = _digest_to_compare(path, reading, sidecar)
        except OSError as error:
            problems.append(f"{encodable(str(path))}: {(error.strerror or str(error)).lower()}")
            continue
        except UsageError as error:
            problems.append(encodable(str(error)))
            continue
        stale = sidecar.distrusted(size=reading.bytes, sha256=digest)
        note = stale
        if sidecar.sidecar is not None and not stale and digest is None:
            note = "the checkpoint's digest was not compared with the one in it"
        if reading.format in _NO_CHECKPOINT or reading.defects or reading.incomplete:
            code = ExitCode.GATE
        if as_json:
            answers.append(_as_json(path, reading, sidecar, note))
        else:
            believed = replace(sidecar, sidecar=None) if stale else sidecar
            print_reading(console, path, reading, believed, note, every_tensor=tensors)
    if as_json:
        click.echo(json.dumps(answers, indent=2))
    if problems:
        raise UsageError("\n".join(problems))
    return code


def _as_json(path: Path, reading: Reading, answer: SidecarAnswer, note: str) -> dict[str, Any]:
    """A reading as it is, with where it is from and what lies beside it."""
    sidecar = answer.sidecar.model_dump(mode="json") if answer.sidecar is not None else None
    return {
        "path": encodable(str(path)),
        **asdict(reading),
        "sidecar": sidecar,
        "sidecar_note": note,
    }


def _digest_to_compare(path: Path, reading: Reading, answer: SidecarAnswer) -> str | None:
    """The digest of a checkpoint; None when no sidecar asks for it or it would take long."""
    if answer.sidecar is None or answer.sidecar.bytes != reading.bytes:
        return None
    if path.is_dir() or reading.bytes > _HASHED:
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
