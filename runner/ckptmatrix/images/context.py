"""The files a build may read, as a folder or an archive that is the same every time."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["write_archive", "write_folder"]

#: Modification time of everything, so that equal contexts are equal bytes.
EPOCH = 0


def write_archive(files: Mapping[str, bytes | Path], out: IO[bytes]) -> None:
    """Write a tar archive in which only names and contents can differ.

    Args:
        files: Name → contents, or a file of this machine.
        out: Where it goes.
    """
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, contents in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = 0o644, EPOCH
            if isinstance(contents, Path):
                entry.size = contents.stat().st_size
                with contents.open("rb") as file:
                    archive.addfile(entry, file)
            else:
                entry.size = len(contents)
                archive.addfile(entry, io.BytesIO(contents))


def write_folder(files: Mapping[str, bytes | Path], folder: Path) -> None:
    """Lay files out in a folder.

    Args:
        files: Name → contents, or a file of this machine, which is linked where that is possible.
        folder: Made; does not exist yet.
    """
    folder.mkdir()
    for name, contents in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(contents, bytes):
            path.write_bytes(contents)
            continue
        try:
            os.link(contents.resolve(), path)
        except OSError:
            # Another file system, or one without links.
            shutil.copyfile(contents, path)
