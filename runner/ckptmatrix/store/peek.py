"""A look at what earlier runs left, which changes nothing: nothing is made, mended or moved."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from ckptmatrix.wire import Done

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["has_checkpoint", "peek_results"]

_ATTEMPTS: TypeAdapter[tuple[Done, ...]] = TypeAdapter(tuple[Done, ...])
#: SQLite's smallest limit on variables in one statement: https://sqlite.org/limits.html
_CHUNK = 999


def peek_results(root: Path, keys: Iterable[str]) -> dict[str, tuple[Done, ...]]:
    """Attempts known for keys.

    Args:
        root: Folder of the store; it need not exist.
        keys: What is asked for.

    Returns:
        What is known of them: nothing where there is no store, or none that can be read.
    """
    path = (root / "results.sqlite").absolute()
    log = path.with_name(f"{path.name}-wal")
    found: dict[str, tuple[Done, ...]] = {}
    wanted = list(dict.fromkeys(keys))
    with suppress(OSError, sqlite3.DatabaseError):
        if not path.is_file():
            return {}
        # Without a log there is no writer, and SQLite need not even make its shared memory file.
        quiet = not (log.exists() and log.stat().st_size)
        address = f"{path.as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            for start in range(0, len(wanted), _CHUNK):
                part = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, record FROM results WHERE key IN ({marks})"  # noqa: S608 - marks are «?»
                for key, record in connection.execute(query, part):
                    with suppress(ValidationError):
                        found[key] = _ATTEMPTS.validate_json(record)
    return found


def has_checkpoint(root: Path, sha256: str, filename: str) -> bool:
    """Whether a store has a checkpoint, where :mod:`ckptmatrix.store.checkpoints` puts it.

    Args:
        root: Folder of the store.
        sha256: The checkpoint's digest.
        filename: Name it is stored under.
    """
    return (root / "checkpoints" / sha256[:2] / sha256 / filename).exists()
