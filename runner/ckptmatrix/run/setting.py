"""What a run works with: the outside world, handed in."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ckptmatrix.engines.base import Engine
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.base import Environment, Provider
    from ckptmatrix.run.progress import Board
    from ckptmatrix.store import Store
    from ckptmatrix.wire import Facts, Limits

__all__ = ["Setting", "Usable", "UserModel"]


@dataclass(frozen=True, kw_only=True)
class UserModel:
    """A user's model, made by a function of a file of theirs.

    Attributes:
        file: The file.
        module: Its import name: ``mine`` or ``package.mine``.
        factory: What is called, without arguments: ``make`` or ``Net.small``.
    """

    file: Path
    module: str
    factory: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything a run needs beside its plan.

    Attributes:
        provider: Makes environments and runs jobs.
        engine: Runs several at a time.
        store: What earlier runs saw, and where this one's goes.
        board: Where progress is shown.
        scratch: An empty folder of this run's own.
        log: Folder for the event logs of jobs.
        limits: What one task may use.
        timeout_s: Seconds for one attempt at a task.
        observer: Digest of the cell program without its cases.
        case_files: User's case files by their module name in the cell.
        model: The user's model, which every job can import, or None.
        fresh: Whether known results are ignored.
        cancel: Set when the run is to stop.
    """

    provider: Provider
    engine: Engine
    store: Store
    board: Board
    scratch: Path
    log: Path
    limits: Limits
    timeout_s: float
    observer: str
    case_files: Mapping[str, Path]
    model: UserModel | None = None
    fresh: bool = False
    cancel: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class Usable:
    """A cell that is ready and is what its id says.

    Attributes:
        cell: The resolved cell.
        environment: Where its jobs run.
        facts: What it says it is.
        digest: Digest of those facts: the environment's part of every key.
    """

    cell: Cell
    environment: Environment
    facts: Facts
    digest: str
