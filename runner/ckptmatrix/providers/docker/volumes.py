"""What goes into a volume and comes out of it, as tar streams of bounded size and known content."""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Entry",
    "InputChanged",
    "OutputRefused",
    "OutputUnwritable",
    "entries_of",
    "pack",
    "unpack",
]

CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


class InputChanged(Exception):  # noqa: N818 - named for what happened to the input
    """A file to be sent is not what it was when its size was read, or is no file at all."""


class OutputRefused(Exception):  # noqa: N818 - named for what was done with the output
    """What a job wrote is more than it may write, or leaves its folder."""


class OutputUnwritable(Exception):  # noqa: N818 - named for what was found
    """This machine's disk does not take what a job wrote."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member of a tar stream.

    Attributes:
        name: Where it goes, relative to where the stream is unpacked.
        source: A file of this machine, or None for a folder.
        size: Its bytes: exactly as many are sent.
        mode: Its permission bits.
        uid: Its owner and group.
    """

    name: str
    source: Path | None
    size: int
    mode: int
    uid: int = 0


def entries_of(inputs: Mapping[str, Path], prefix: str) -> list[Entry]:
    """Everything a job reads: folders first, files that nobody may write.

    Args:
        inputs: Path in the cell's input folder → file or folder of this machine.
        prefix: The input folder, relative to where the stream is unpacked.

    Raises:
        InputChanged: Something is neither a file nor a folder, or is gone.
    """
    files: dict[str, Entry] = {}
    folders = {prefix}
    for name, source in inputs.items():
        try:
            for place, path in _walk(f"{prefix}/{name}", source.resolve(strict=True)):
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode):
                    folders.add(place)
                elif stat.S_ISREG(status.st_mode):
                    files[place] = Entry(name=place, source=path, size=status.st_size, mode=0o444)
                else:
                    msg = f"{path} is neither a file nor a folder"
                    raise InputChanged(msg)
        except OSError as error:
            msg = f"{error.filename or source} cannot be read: {error.strerror}"
            raise InputChanged(msg) from error
    for place in list(folders | files.keys()):
        folders.update(str(parent) for parent in PurePosixPath(place).parents)
    folders.discard(".")
    return [
        *(Entry(name=place, source=None, size=0, mode=0o555) for place in sorted(folders)),
        *(files[place] for place in sorted(files)),
    ]


def _walk(place: str, path: Path) -> Iterator[tuple[str, Path]]:
    yield place, path
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            yield from _walk(f"{place}/{inner.name}", inner)


def pack(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A tar stream of these entries, never more in memory than a piece of one file.

    Raises:
        InputChanged: A file has fewer or more bytes than its entry says.
    """
    for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.type = tarfile.DIRTYPE if entry.source is None else tarfile.REGTYPE
        info.size, info.mode = entry.size, entry.mode
        info.uid = info.gid = entry.uid
        yield info.tobuf(tarfile.PAX_FORMAT)
        if entry.source is not None:
            yield from _content(entry, entry.source)
            yield b"\0" * (-entry.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


def _content(entry: Entry, source: Path) -> Iterator[bytes]:
    left = entry.size
    try:
        with source.open("rb") as file:
            while left and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
            if left or file.read(1):
                msg = f"{source} changed while it was read"
                raise InputChanged(msg)
    except OSError as error:
        msg = f"{source} cannot be read: {error.strerror}"
        raise InputChanged(msg) from error


def unpack(
    stream: Iterable[bytes], folder: Path, *, root: str, max_bytes: int, max_files: int
) -> None:
    """Write what a job left into a folder: plain files and folders, nothing else.

    Links, devices and pipes are left out. Modes, owners and times of the stream are not believed.

    Args:
        stream: A tar stream whose members all lie under ``root``.
        folder: Existing folder.
        root: First part of every member's name; left out here.
        max_bytes: All files together.
        max_files: Files and folders.

    Raises:
        OutputRefused: It is too much, leaves its folder, or is no tar stream.
        OutputUnwritable: The disk is full, or the like.
    """
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _Reader(stream)), mode="r|") as archive:
            count = total = 0
            for member in archive:
                count, total = count + 1, total + member.size
                if count > max_files + 1:
                    msg = f"more than {max_files} files"
                    raise OutputRefused(msg)
                if total > max_bytes:
                    msg = f"more than {max_bytes} bytes"
                    raise OutputRefused(msg)
                _write(archive, member, folder, root)
    except tarfile.TarError as error:
        msg = f"not a readable archive: {error}"
        raise OutputRefused(msg) from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, root: str) -> None:
    place = PurePosixPath(member.name)
    if place.is_absolute() or ".." in place.parts or place.parts[:1] != (root,):
        msg = f"a path that leaves its folder: {member.name!r}"
        raise OutputRefused(msg)
    target = folder.joinpath(*place.parts[1:])
    try:
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            content = archive.extractfile(member)
            if content is not None:
                _copy(content, target)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _OURS:
            msg = f"{target} cannot be written: {error.strerror}"
            raise OutputUnwritable(msg) from error
        msg = f"a name that cannot be written here: {member.name!r}"
        raise OutputRefused(msg) from error


#: Failures of this machine's disk, not of what a job wrote.
_OURS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)


def _copy(content: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        while piece := content.read(CHUNK):
            file.write(piece)


class _Reader:
    """The ``read`` that tarfile wants, over pieces of any size; it may give less than asked."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._kept = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._kept:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._kept = memoryview(piece)
        data, self._kept = self._kept[:size], self._kept[size:]
        return bytes(data)
