"""The providers that have to pass the suite; another one adds its harness here."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.matrix.model import Build
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.providers.docker.provider import DockerProvider
from ckptmatrix.providers.venv.provider import VenvProvider
from ckptmatrix.words import Reason
from conformance import stand_in
from dockers import engine_or_skip
from fakes import Behaviour, FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckptmatrix.providers.base import Provider

#: Bytes a line may have here: small, so that the tests of the bound are fast.
LONGEST_LINE = 100_000
#: Set on this machine; no cell may see them.
SECRETS = {"CKPTMATRIX_SECRET": "1", "LD_LIBRARY_PATH": "/secret", "TORCH_HOME": "/secret"}
#: Needs nothing that is big: what a cell is made of does not matter to the suite.
CELL = Cell(
    id="tiny", python=f"{sys.version_info.major}.{sys.version_info.minor}", packages=("six",)
)


@dataclass(frozen=True, kw_only=True)
class Harness:
    """A provider and what the suite has to know about it.

    Attributes:
        provider: Starts ``stand_in.py`` where others start the cell program.
        cell: A cell it can make.
        impossible: Cells it cannot make, and why.
        has_processes: Whether a job can leave a process behind.
        longest_line: Its bound on lines.
    """

    provider: Provider
    cell: Cell
    impossible: dict[Reason, Cell]
    has_processes: bool = True
    longest_line: int = LONGEST_LINE


def fake(_cache: Path) -> Harness:
    impossible = replace(CELL, id="no-such-python", python="3.5")
    refusal = CellError(Reason.PYTHON_NOT_FOUND, "there is no Python 3.5 on this machine")
    return Harness(
        provider=FakeProvider(
            {impossible.id: Behaviour(refuses=refusal)},
            program=stand_in.program,
            longest_line=LONGEST_LINE,
        ),
        cell=CELL,
        impossible={Reason.PYTHON_NOT_FOUND: impossible},
        has_processes=False,
    )


def venv(cache: Path) -> Harness:
    return Harness(
        provider=VenvProvider(
            cache_dir=cache,
            cell_program=Path(stand_in.__file__),
            environ={**os.environ, **SECRETS},
            longest_line=LONGEST_LINE,
        ),
        cell=CELL,
        impossible={
            Reason.PYTHON_NOT_FOUND: replace(CELL, id="no-such-python", python="3.5"),
            Reason.INSTALL_FAILED: replace(CELL, id="no-such-release", packages=("six==0.0.1",)),
            Reason.HOST_UNSUPPORTED: Cell(id="debian-trixie", debian="trixie"),
        },
    )


def docker(cache: Path) -> Harness:
    api = engine_or_skip()
    return Harness(
        provider=DockerProvider(
            api=api,
            images=Images(api=api, cache_dir=cache, build=Build(), environ=os.environ),
            cell_program=Path(stand_in.__file__),
            run="conformance",
            longest_line=LONGEST_LINE,
        ),
        cell=replace(CELL, python="3.11"),
        impossible={
            Reason.HOST_UNSUPPORTED: replace(CELL, id="elsewhere", platform="linux/s390x"),
            Reason.INSTALL_FAILED: replace(CELL, id="no-such-release", packages=("six==0.0.1",)),
        },
    )


PROVIDERS = [
    pytest.param(fake, id="fake"),
    pytest.param(venv, id="venv", marks=pytest.mark.network),
    pytest.param(docker, id="docker", marks=pytest.mark.network),
]


@pytest.fixture(scope="module", params=PROVIDERS)
def harness(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harness]:
    make: Callable[[Path], Harness] = request.param
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        harness = make(tmp_path_factory.mktemp("cache"))
    yield harness
    made = harness.provider.prepare(
        harness.cell, cancel=threading.Event(), progress=lambda _phrase: None
    )
    harness.provider.remove(made)
