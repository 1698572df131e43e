"""Checkpoints by digest: ``<root>/<aa>/<sha256>/<file name>``, a file or a folder.

Nothing a cell wrote is moved: bytes are copied while they are hashed, so that what is stored is
what was hashed, even if a process of the cell still holds the file open.
"""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.store.failures import explained
from ckptmatrix.store.hostile import copy_hashed, files_below, hash_of, is_folder, opened, refused
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.wire import Checkpoint, CheckpointFile

__all__ = ["CheckpointStore"]

#: A copy this old was left behind by a process that was killed.
_STALE_S = 24 * 3600.0


class CheckpointStore:
    """Checkpoints on disk. Several processes may use one folder at once.

    Args:
        root: The folder; made when it is not there.
        max_bytes: Largest checkpoint that is taken.

    Raises:
        StoreError: The folder cannot be made or written.
    """

    def __init__(self, root: Path, *, max_bytes: int = 16_000_000_000) -> None:
        self.root = root
        self._max_bytes = max_bytes
        self._staging = root / ".staging"
        with explained(root):
            self._staging.mkdir(parents=True, exist_ok=True)
            oldest = time.time() - _STALE_S
            for entry in self._staging.iterdir():
                with suppress(FileNotFoundError):
                    if entry.lstat().st_mtime < oldest:
                        shutil.rmtree(entry)

    def add(
        self, source: Path, checkpoint: Checkpoint, filename: str, *, inside: Path | None = None
    ) -> Path:
        """Take a checkpoint into the store. The source stays where it is.

        Args:
            source: The file or folder a cell wrote.
            checkpoint: What the cell says of it; every word is checked.
            filename: Name it is stored under. One digest may have several.
            inside: Folder the cell could write to: no part of ``source`` below it may be a link.
                Without it only the last part of ``source``, and all that is in it, is checked.

        Returns:
            Where it is now; its files are read-only.

        Raises:
            CellError: It is not what the cell says (``checkpoint_corrupt``), or something a
                checkpoint cannot be, such as a link or a device (``cell_misbehaved``).
            StoreError: It cannot be stored.
        """
        _check_claim(checkpoint, self._max_bytes)
        place = self._place(checkpoint.sha256, filename)
        if self._holds(place, checkpoint):
            return place
        staging = self._staging / secrets.token_hex(16)
        with explained(self._staging):
            staging.mkdir()
        try:
            below = source if inside is None else source.relative_to(inside)
            with explained(source), opened(below, inside) as top:
                _copy(top, staging / filename, checkpoint, source)
            with explained(place):
                self._put(staging, place, checkpoint)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return place

    def path(self, sha256: str, filename: str) -> Path | None:
        """Where a checkpoint is, or None. Its content is not looked at; see :meth:`verified`."""
        place = self._place(sha256, filename)
        return place if place.exists() else None

    def verified(self, sha256: str, filename: str) -> Path | None:
        """Like :meth:`path`, but reads it all, and removes it when it is not what it was.

        Raises:
            StoreError: It cannot be removed.
        """
        place = self._place(sha256, filename)
        with explained(place):
            if not place.exists():
                return None
            if _digest_of(place) == sha256:
                return place
            doomed = self._staging / secrets.token_hex(16)
            doomed.mkdir()
            place.rename(doomed / filename)
            shutil.rmtree(doomed, ignore_errors=True)
        return None

    def _place(self, sha256: str, filename: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            msg = f"not a SHA-256: {sha256!r}"
            raise ValueError(msg)
        if filename in {"", ".", ".."} or "/" in filename or not filename.isprintable():
            msg = f"not a file name: {filename!r}"
            raise ValueError(msg)
        return self.root / sha256[:2] / sha256 / filename

    def _holds(self, place: Path, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint is there, whole. What is there instead of it is removed."""
        found = self.verified(place.parent.name, place.name)
        if found is None:
            return False
        if found.is_dir() is _is_single(checkpoint):
            raise CellError(
                Reason.CELL_MISBEHAVED, "a file and a folder cannot have the same digest"
            )
        return True

    def _put(self, staging: Path, place: Path, checkpoint: Checkpoint) -> None:
        """Rename into place; whoever comes first with the same bytes wins."""
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            (staging / place.name).rename(place)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST} or not self._holds(
                place, checkpoint
            ):
                raise


def _check_claim(checkpoint: Checkpoint, max_bytes: int) -> None:
    """Refuse what the cell says when it contradicts itself, before anything is read."""
    files = checkpoint.files
    if checkpoint.bytes > max_bytes:
        problem = f"its {checkpoint.bytes} bytes are more than the {max_bytes} allowed"
    elif sum(file.bytes for file in files) != checkpoint.bytes:
        problem = "its sizes do not add up"
    elif _is_single(checkpoint):
        problem = "" if files[0].sha256 == checkpoint.sha256 else "one file has two digests"
    elif any({"", ".", ".."} & set(file.path.split("/")) for file in files):
        problem = "a path in it is not plain"
    elif len({file.path for file in files}) != len(files):
        problem = "it lists a file twice"
    elif _folder_digest({file.path: file.sha256 for file in files}) != checkpoint.sha256:
        problem = "its digest is not that of its files"
    else:
        problem = ""
    if problem:
        raise CellError(
            Reason.CELL_MISBEHAVED, f"the cell describes an impossible checkpoint: {problem}"
        )


def _is_single(checkpoint: Checkpoint) -> bool:
    return len(checkpoint.files) == 1 and checkpoint.files[0].path == "."


def _folder_digest(files: dict[str, str]) -> str:
    """Digest of a folder as :class:`ckptmatrix.wire.Checkpoint` defines it."""
    lines = "".join(f"{files[path]}  {path}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _digest_of(place: Path) -> str:
    """Digest of what is stored; empty when it is something a checkpoint cannot be."""
    try:
        with opened(place) as top:
            if not is_folder(top):
                return hash_of(top)
            files = {}
            for path in files_below(top, place):
                with opened(path, top) as fd:
                    files[path] = hash_of(fd)
            return _folder_digest(files)
    except CellError:
        return ""


def _copy(top: int, target: Path, checkpoint: Checkpoint, source: Path) -> None:
    if _is_single(checkpoint):
        _copy_file(top, target, checkpoint.files[0], source)
        return
    if not is_folder(top):
        raise refused(source, "is a file, though the cell says it is a folder")
    claimed = {file.path: file for file in checkpoint.files}
    found = set(files_below(top, source))
    if found != claimed.keys():
        odd = min(found ^ claimed.keys())
        raise refused(source, f"is not the folder the cell describes: they differ at {odd!a}")
    with explained(target):
        target.mkdir()
        for path in claimed:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
    for path, file in claimed.items():
        with opened(path, top) as fd:
            _copy_file(fd, target / path, file, source / path)


def _copy_file(fd: int, target: Path, claimed: CheckpointFile, source: Path) -> None:
    if is_folder(fd):
        raise refused(source, "is a folder, though the cell says it is a file")
    if copy_hashed(fd, target, at_most=claimed.bytes) != (claimed.bytes, claimed.sha256):
        raise CellError(
            Reason.CHECKPOINT_CORRUPT,
            f"{str(source)[-200:]!a} is not what the cell saved: its content changed",
        )
