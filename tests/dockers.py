"""A real Docker engine for tests, and what may not be left in it."""

from __future__ import annotations

import json
import os
import textwrap
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import EngineError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.base import Environment, Job
from ckptmatrix.providers.docker.engine import connect
from ckptmatrix.providers.docker.labels import RUN
from ckptmatrix.providers.docker.provider import DockerProvider
from ckptmatrix.wire import Manifest
from ckptmatrix.words import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.base import JobEnd
    from ckptmatrix.providers.docker.sandbox import Bounds

__all__ = [
    "BASE",
    "HANGS",
    "PRELUDE",
    "Bench",
    "NoImages",
    "Ran",
    "Traces",
    "engine_or_skip",
    "ours",
]

#: An image with a Python; ``images/make-bases`` makes it where no registry is.
BASE = os.environ.get("CKPTMATRIX_TEST_BASE", "python:3.11-slim")

#: What every script of these tests begins with: it has read its manifest and can speak.
PRELUDE = """
import json, os, sys
folders = dict(zip(sys.argv[1::2], sys.argv[2::2]))
INPUT, OUTPUT, SCRATCH = folders["--input"], folders["--output"], folders["--scratch"]
manifest = json.loads(sys.stdin.readline())
def say(value):
    sys.stdout.write(json.dumps(value) + "\\n")
    sys.stdout.flush()
def refusal(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return error.strerror
    return "allowed"
"""

#: A script that ends only when its client is gone.
HANGS = """
    say("begun")
    sys.stdin.read()
    say("standard input closed")
    os._exit(4)
"""


def engine_or_skip() -> APIClient:
    """The engine of this machine.

    Without one, tests are skipped; with ``CKPTMATRIX_REQUIRE_DOCKER=1`` they fail, so that a
    machine that has to have one never passes without.
    """
    try:
        api = connect(os.environ)
        if not api.images(BASE):
            why = f"the engine has no image {BASE}; images/make-bases makes it"
        else:
            return api
    except EngineError as error:
        why = str(error)
    if os.environ.get("CKPTMATRIX_REQUIRE_DOCKER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@dataclass(frozen=True)
class Traces:
    """Everything in an engine that a job could leave there."""

    containers: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[str]
    networks: frozenset[str]

    @classmethod
    def of(cls, api: APIClient) -> Traces:
        return cls(
            containers=frozenset(each["Id"] for each in api.containers(all=True)),
            volumes=frozenset(each["Name"] for each in api.volumes()["Volumes"] or ()),
            images=frozenset(each["Id"] for each in api.images(all=True)),
            networks=frozenset(each["Id"] for each in api.networks()),
        )


class NoImages:
    """Makes no image: these tests bring their own."""

    def make(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        raise NotImplementedError

    def remove(self, environment: Environment) -> None:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a job.

    Attributes:
        end: How it ended.
        lines: What it said.
        output: Its output folder.
        seconds: How long it took in all.
        first_s: How long until it said something.
    """

    end: JobEnd
    lines: list[bytes]
    output: Path
    seconds: float
    first_s: float

    @property
    def said(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


@dataclass(kw_only=True)
class Bench:
    """Runs scripts, or one program, as jobs in containers of one image.

    Attributes:
        api: The engine.
        folder: For files of the tests.
        program: What is started; a script is written when None.
        image: Image to run them in.
        cell: The cell it stands for.
        cancel: Ends the jobs.
    """

    api: APIClient
    folder: Path
    program: Path | None = None
    image: str = BASE
    cell: Cell = field(default_factory=lambda: Cell(id="sandbox"))
    cancel: threading.Event = field(default_factory=threading.Event)
    run_name: str = "test"

    def run(
        self,
        script: str = "",
        *,
        manifest: Manifest | None = None,
        inputs: Mapping[str, Path] | None = None,
        deadline_s: float = 60.0,
        bounds: Bounds | None = None,
        on_line: Callable[[bytes], None] | None = None,
        keep: bool = True,
    ) -> Ran:
        program = self.program
        if program is None:
            program = self.folder / "program.py"
            program.write_text(PRELUDE + textwrap.dedent(script), encoding="utf-8")
        output = self.folder / f"output-{len(list(self.folder.iterdir()))}"
        output.mkdir()
        provider = DockerProvider(
            api=self.api,
            images=NoImages(),
            cell_program=program,
            run=self.run_name,
            bounds=bounds,
        )
        found = self.api.inspect_image(self.image)  # type: ignore[no-untyped-call]
        job = Job(
            id="job",
            manifest=manifest or Manifest(phase=Phase.LOAD),
            inputs=inputs or {},
            output=output,
            deadline_s=deadline_s,
        )
        lines: list[bytes] = []
        first: list[float] = []
        began = time.monotonic()

        def take(line: bytes) -> None:
            first.append(time.monotonic() - began) if not first else None
            if keep:
                lines.append(line)
            if on_line is not None:
                on_line(line)

        end = provider.run_job(
            Environment(cell=self.cell, key="0", location=found["Id"]),
            job,
            on_line=take,
            cancel=self.cancel,
        )
        return Ran(
            end=end,
            lines=lines,
            output=output,
            seconds=time.monotonic() - began,
            first_s=first[0] if first else 0.0,
        )


def ours(bench: Bench) -> list[dict[str, Any]]:
    """The containers of the jobs that a bench runs, as the engine lists them."""
    found: list[dict[str, Any]] = bench.api.containers(
        all=True, filters={"label": f"{RUN}={bench.run_name}"}
    )
    return found
