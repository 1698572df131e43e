"""The cache folder: atomic files, locks between processes, finished environments."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from ckptmatrix.atomic import write_atomic
from ckptmatrix.providers.base import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["VenvRecord", "finish", "hold", "python_of", "read_record", "remove_tree"]

#: Seconds between two tries to get a lock that another maker holds.
POLL_S = 0.1
#: Name of the file whose presence says that an environment is complete.
RECORD = "ckptmatrix.json"


@dataclass(frozen=True, kw_only=True)
class VenvRecord:
    """What is known of a finished environment.

    Attributes:
        key: Its name.
        packages: ``name==version``, sorted.
    """

    key: str
    packages: tuple[str, ...]


_RECORD = TypeAdapter(VenvRecord)


@contextmanager
def hold(path: Path, cancel: threading.Event) -> Iterator[int]:
    """Hold a lock that threads and processes respect, and that dies with its holder.

    Gives the lock's descriptor: a program that inherits it holds the lock as well, so that what it
    goes on writing when its starter was killed is not taken away from under it.

    Raises:
        Cancelled: ``cancel`` was set while another maker held it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if cancel.wait(POLL_S):
                    raise Cancelled from None
            else:
                break
        yield file.fileno()


def python_of(home: Path) -> Path:
    """The interpreter of an environment."""
    return home / "bin" / "python"


def read_record(home: Path) -> VenvRecord | None:
    """The record of an environment that is complete and whose interpreter is still there.

    One that cannot be read counts as absent: the environment is made anew.
    """
    try:
        record = _RECORD.validate_json((home / RECORD).read_bytes())
        python_of(home).stat()
    except (FileNotFoundError, ValidationError):
        return None
    return record


def finish(making: Path, home: Path, record: VenvRecord) -> None:
    """Give an environment its name: from now on it is complete.

    Args:
        making: Where it was made, on the same file system.
        home: Its place; what lies there (its interpreter is gone) is replaced.
        record: What is known of it.
    """
    write_atomic(making / RECORD, _RECORD.dump_json(record, indent=1) + b"\n")
    remove_tree(home)
    making.rename(home)


def remove_tree(folder: Path) -> None:
    """Remove a folder; silent when there is none."""
    if folder.exists():
        shutil.rmtree(folder)
