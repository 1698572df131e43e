"""What exactly goes into an environment, with hashes, decided once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.atomic import write_atomic
from ckptmatrix.matrix.wheels import build_of, index_of
from ckptmatrix.providers.venv.failures import is_unreachable

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.venv.sources import Sources
    from ckptmatrix.providers.venv.uv import Completed, Uv

__all__ = [
    "Lock",
    "Request",
    "read_lock",
    "request_of",
    "requirements_of",
    "resolve",
    "turned_out",
    "write_lock",
]

#: Begins a lock that was made without the asked build's index.
_UNREACHED = "# made while the index of the asked build could not be reached\n"
_DOING = "the requirements cannot be met"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Everything a resolution depends on, beside what the indexes serve.

    Attributes:
        python: Asked release of Python.
        requirements: In PEP 508 form.
        index: The index of the asked build of torch, or empty for what the default index serves.
        sources: Where packages come from.
    """

    python: str
    requirements: tuple[str, ...]
    index: str
    sources: Sources

    @property
    def digest(self) -> str:
        """Short name of the request."""
        body = [self.python, self.requirements, self.index, self.sources.digest]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A resolution.

    Attributes:
        text: Pinned requirements with their hashes, as ``uv pip sync`` reads them.
        unreached: Whether the asked build's index could not be reached.
    """

    text: str
    unreached: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the pinned requirements."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def count(self) -> int:
        """How many distributions it names."""
        return sum("==" in line for line in self.text.splitlines())


def requirements_of(cell: Cell) -> tuple[str, ...]:
    """What a cell asks for.

    NumPy is asked for beside torch because not every release of torch depends on it, and without
    it cases that share memory with arrays cannot run.
    """
    torch = (f"torch=={cell.torch}",) if cell.torch is not None else ()
    numpy = (f"numpy{cell.numpy}",) if torch or cell.numpy else ()
    return (*torch, *numpy, *cell.packages)


def request_of(cell: Cell, sources: Sources) -> Request:
    """The request a cell makes of wheel indexes."""
    return Request(
        python=cell.python or "",
        requirements=requirements_of(cell),
        index=(index_of(cell.cuda) or "") if cell.torch is not None else "",
        sources=sources,
    )


def read_lock(path: Path) -> Lock | None:
    """The lock in a file, or None when there is no file, or not the whole of one."""
    try:
        seal, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if seal != _seal(text):
        return None
    return Lock(text=text.removeprefix(_UNREACHED), unreached=text.startswith(_UNREACHED))


def write_lock(path: Path, lock: Lock) -> None:
    """Keep a lock; its folder must exist."""
    text = (_UNREACHED if lock.unreached else "") + lock.text
    write_atomic(path, f"{_seal(text)}\n{text}")


def resolve(
    uv: Uv,
    request: Request,
    target: Sequence[str | Path],
    *,
    unreachable: set[str],
    cancel: threading.Event,
) -> Lock:
    """Decide what goes into an environment.

    The asked build's index is asked first. When it cannot be reached the other indexes decide.

    Args:
        uv: Does it.
        request: What is asked for.
        target: Arguments that tell uv what it is for: ``("--python", path)``.
        unreachable: Indexes known not to answer; added to.
        cancel: Set when the user gave up.

    Raises:
        CellError: There is no solution, or no index answers.
        Cancelled: ``cancel`` was set.
    """
    index = request.index
    if index and index not in unreachable and not request.sources.no_index:
        answer = _compile(uv, request, target, index, cancel)
        if answer.returncode == 0 or not is_unreachable(answer.stderr):
            return Lock(text=answer.require(_DOING).stdout)
        unreachable.add(index)
    answer = _compile(uv, request, target, "", cancel)
    return Lock(text=answer.require(_DOING).stdout, unreached=bool(index))


def turned_out(cell: Cell, lock: Lock, packages: tuple[str, ...]) -> tuple[Cell, tuple[str, ...]]:
    """The cell that was made, and what the user should know about it.

    When the asked build's index was not reached, a wheel from elsewhere may still be that build,
    which its local version says (PEP 440): ``2.13.0+cpu``.
    """
    build = build_of(cell.cuda)
    if not lock.unreached or f"torch=={cell.torch}+{build}" in packages:
        return cell, ()
    note = (
        f"{index_of(cell.cuda)}, which serves the {build} build, could not be reached: torch "
        f"{cell.torch} is the build that the default index serves; --update-locks tries again"
    )
    return cell.with_cuda("default"), (note,)


def _seal(text: str) -> str:
    """First line of a lock's file: an empty or a cut file would ask for fewer packages."""
    return f"# sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _compile(
    uv: Uv, request: Request, target: Sequence[str | Path], index: str, cancel: threading.Event
) -> Completed:
    return uv.run(
        "pip",
        "compile",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        *target,
        *request.sources.arguments(index),
        "-",
        stdin="\n".join(request.requirements) + "\n",
        cancel=cancel,
        environ=request.sources.environment(),
    )
