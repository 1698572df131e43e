from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.wire import Checkpoint, CheckpointFile, Done, Facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def describe() -> Callable[[Path], Checkpoint]:
    """What an honest cell says of a file or folder it saved."""

    def describe(path: Path) -> Checkpoint:
        if path.is_file():
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            one = CheckpointFile(path=".", bytes=len(data), sha256=sha256)
            return Checkpoint(sha256=sha256, bytes=len(data), files=(one,))
        files = tuple(
            CheckpointFile(
                path=str(file.relative_to(path)),
                bytes=file.stat().st_size,
                sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            )
            for file in sorted(path.rglob("*"))
            if file.is_file()
        )
        lines = "".join(f"{file.sha256}  {file.path}\n" for file in files)
        return Checkpoint(
            sha256=hashlib.sha256(lines.encode()).hexdigest(),
            bytes=sum(file.bytes for file in files),
            files=files,
        )

    return describe


@pytest.fixture
def done() -> Callable[..., Done]:
    def done(**changes: Any) -> Done:
        fields: dict[str, Any] = {
            "event": "done",
            "task": "t0",
            "attempt": 1,
            "isolation": "shared",
            "result": "returned",
            "stage": "load",
            "seconds": 0.25,
        }
        return Done(**(fields | changes))

    return done


@pytest.fixture
def facts() -> Facts:
    return Facts(
        cell_program="0.1.0",
        python="3.11.7",
        implementation="CPython",
        executable="/opt/cell/bin/python",
        platform="Linux-6.1",
        machine="x86_64",
        byteorder="little",
        libc="glibc 2.36",
        torch="2.6.0",
        torch_git="abc",
        numpy="2.2.0",
    )
