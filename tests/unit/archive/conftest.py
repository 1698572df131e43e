from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.read import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from archive_files import Read
    from ckptmatrix.archive.reading import Reading


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads bytes as a file."""

    def from_bytes(data: bytes) -> Reading:
        path = tmp_path / "checkpoint"
        path.write_bytes(data)
        return read_checkpoint(path)

    return from_bytes
