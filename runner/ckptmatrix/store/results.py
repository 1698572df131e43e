"""What was seen, by key: attempts at saves and loads, observations, facts of cells, readings.

One SQLite file. A write is a transaction: a process killed at any moment leaves the whole of it or
nothing. A row that cannot be read any more counts as not there, because everything here can be
seen again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
import threading
import time
import zlib
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError

from ckptmatrix.archive.reading import Reading
from ckptmatrix.errors import StoreError
from ckptmatrix.store.failures import explained, store_error
from ckptmatrix.store.keys import canonical
from ckptmatrix.wire import Done, Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["ResultStore"]

#: ``ckpm``: tells our file from any other SQLite file.
_APPLICATION = 0x636B706D
_FORMAT = 1
#: SQLite's smallest limit on variables in one statement: https://sqlite.org/limits.html
_CHUNK = 999
_BUSY_S = 60.0
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = """
    CREATE TABLE results (key TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE observations (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE cells (key TEXT PRIMARY KEY, facts BLOB NOT NULL) WITHOUT ROWID;
"""
#: Came later; a database without it is given it, and who does not know it does without.
_READINGS_TABLE = """
    CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
"""
_READING: TypeAdapter[Reading] = TypeAdapter(Reading)
_ATTEMPTS: TypeAdapter[tuple[Done, ...]] = TypeAdapter(tuple[Done, ...])
_MANY_ATTEMPTS: TypeAdapter[list[tuple[Done, ...]]] = TypeAdapter(list[tuple[Done, ...]])


class ResultStore:
    """Results of earlier runs. Safe for several threads and several processes.

    Args:
        path: The database; made when it is not there. Its folder must exist.

    Attributes:
        note: A sentence for the user when the file had to be moved aside, else empty.

    Raises:
        StoreError: It is of a newer format, not ours, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = ""
        self._lock = threading.Lock()
        try:
            self._connection = _connect(path)
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise store_error(path, error) from error
            aside = _move_aside(path)
            self.note = f"{path} was damaged and was {aside}; what it held will be measured again"
            with self._explained():
                self._connection = _connect(path)

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_results(self, keys: Iterable[str]) -> dict[str, tuple[Done, ...]]:
        """Attempts known for keys; keys of which nothing is known are left out."""
        found: dict[str, tuple[Done, ...]] = {}
        for rows in self._chunks("SELECT key, record FROM results WHERE key IN", keys):
            found.update(_read_attempts(rows))
        return found

    def put_result(self, key: str, attempts: Sequence[Done]) -> None:
        """Keep all attempts at one task, in order. Replaces what was known.

        Put the observations they name before them.
        """
        record = _ATTEMPTS.dump_json(tuple(attempts), exclude_defaults=True)
        self._write("INSERT OR REPLACE INTO results VALUES (?, ?)", (key, record))

    def get_observations(self, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Observations by their digests; those that are not known are left out."""
        found = {}
        query = "SELECT sha256, body FROM observations WHERE sha256 IN"
        for rows in self._chunks(query, digests):
            for name, body in rows:
                with suppress(zlib.error, ValueError):
                    found[name] = json.loads(zlib.decompress(body))
        return found

    def put_observation(self, sha256: str, value: dict[str, Any]) -> None:
        """Keep an observation.

        Raises:
            ValueError: ``sha256`` is not the digest of its canonical JSON.
        """
        body = canonical(value)
        if hashlib.sha256(body).hexdigest() != sha256:
            msg = "an observation is not what its digest says"
            raise ValueError(msg)
        self._write(
            "INSERT OR REPLACE INTO observations VALUES (?, ?)",
            (sha256, zlib.compress(body, level=3)),
        )

    def get_facts(self, key: str) -> Facts | None:
        """What the environment with this key said it is, or None."""
        for rows in self._chunks("SELECT key, facts FROM cells WHERE key IN", [key]):
            for _, facts in rows:
                with suppress(ValidationError):
                    return Facts.model_validate_json(facts)
        return None

    def put_facts(self, key: str, facts: Facts) -> None:
        """Keep what an environment said it is."""
        record = facts.model_dump_json().encode()
        self._write("INSERT OR REPLACE INTO cells VALUES (?, ?)", (key, record))

    def get_readings(self, keys: Iterable[str]) -> dict[str, Reading]:
        """Readings by their keys; those that are not known are left out."""
        found = {}
        for rows in self._chunks("SELECT key, body FROM readings WHERE key IN", keys):
            for key, body in rows:
                with suppress(zlib.error, ValidationError):
                    found[key] = _READING.validate_json(zlib.decompress(body))
        return found

    def put_reading(self, key: str, reading: Reading) -> None:
        """Keep what a checkpoint says of itself, unless it has a text that JSON cannot hold."""
        try:
            body = zlib.compress(_READING.dump_json(reading, exclude_defaults=True), level=1)
        except ValueError:
            return
        self._write("INSERT OR REPLACE INTO readings VALUES (?, ?)", (key, body))

    def _chunks(self, query: str, keys: Iterable[str]) -> Iterator[list[tuple[str, bytes]]]:
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            with self._lock, self._explained():
                rows = self._connection.execute(f"{query} ({marks})", part).fetchall()
            yield rows

    def _write(self, statement: str, values: tuple[str, bytes]) -> None:
        with self._lock, self._explained():
            self._connection.execute(statement, values)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if _is_broken(error):
                aside = _move_aside(self.path)
                msg = f"{self.path} is damaged and was {aside}\n    fix: run again"
                raise StoreError(msg) from error
            raise store_error(self.path, error) from error


def _read_attempts(rows: list[tuple[str, bytes]]) -> dict[str, tuple[Done, ...]]:
    """Rows as attempts: all at once, which takes half the time, and one by one when one is bad."""
    try:
        many = _MANY_ATTEMPTS.validate_json(b"[" + b",".join(body for _, body in rows) + b"]")
        return {key: attempts for (key, _), attempts in zip(rows, many, strict=True)}
    except (ValueError, TypeError):
        found = {}
        for key, body in rows:
            with suppress(ValidationError):
                found[key] = _ATTEMPTS.validate_json(body)
        return found


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, make it ours when it is empty, check that it is ours when it is not."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        _use_wal(connection)
        # A commit without a flush survives the death of a process; only a power cut can undo it.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if (application, version, tables) == (0, 0, 0):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={_APPLICATION}")
            connection.execute(f"PRAGMA user_version={_FORMAT}")
            application, version = _APPLICATION, _FORMAT
        if application == _APPLICATION:
            connection.execute(_READINGS_TABLE)
        connection.execute("COMMIT")
        _check_format(path, application, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(path: Path, application: int, version: int) -> None:
    if application != _APPLICATION:
        msg = f"{path} is not a database of ckptmatrix\n    fix: choose another store folder"
        raise StoreError(msg)
    if version > _FORMAT:
        msg = (
            f"{path} has format {version}; this ckptmatrix knows formats up to {_FORMAT}\n"
            "    fix: upgrade ckptmatrix, or choose another store folder"
        )
        raise StoreError(msg)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; the switch itself does not wait for other processes."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_broken(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def _move_aside(path: Path) -> str:
    """Give a damaged database another name, unless another process just did.

    Returns:
        Where it went, for a message.
    """
    with explained(path), path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_sound(path):
            return "moved aside by another process"
        aside = f"{path.name}.damaged-{time.time_ns()}"
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(path.with_name(aside + suffix))
    return f"moved to {aside}"


def _is_sound(path: Path) -> bool:
    try:
        with closing(_connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False
