"""Files that the archive reader's tests read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Reading

__all__ = ["ARCHIVES", "Archive", "Read", "archives", "folders", "saved"]

#: Reads bytes as a file.
Read = Callable[[bytes], "Reading"]
ARCHIVES = Path(__file__).parent / "fixtures" / "archives"


class Archive(NamedTuple):
    """A file that a real torch made, and what that torch says is in it."""

    torch: str
    name: str
    tensors: list[Any]

    @property
    def path(self) -> Path:
        return ARCHIVES / self.torch / self.name

    def __str__(self) -> str:
        return f"{self.torch}-{self.name}"


def folders() -> list[Path]:
    """One of each torch."""
    return sorted(path.parent for path in ARCHIVES.glob("*/tensors.json"))


def archives() -> list[Archive]:
    """All of them."""
    return [
        Archive(folder.name, name, tensors)
        for folder in folders()
        for name, tensors in json.loads((folder / "tensors.json").read_text("utf-8")).items()
    ]


def saved(pickled: bytes, *, storages: dict[str, bytes] | None = None, **records: bytes) -> bytes:
    """An archive as ``torch.save`` makes it, around a pickle.

    Args:
        pickled: ``data.pkl``.
        storages: Key → bytes.
        records: Others, with ``version`` as it is in all of them.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in {"version": b"3\n", **records}.items():
            archive.writestr(f"archive/{name}", data)
    return made.getvalue()
