"""What this machine has, what it lacks, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.providers.docker.engine import ask_engine
from ckptmatrix.providers.venv.failures import explain
from ckptmatrix.providers.venv.indexes import find_sources, pytorch_index
from ckptmatrix.providers.venv.interpreters import list_interpreters
from ckptmatrix.providers.venv.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ckptmatrix.providers.docker.engine import EngineAnswer

__all__ = ["Check", "Status", "diagnose_host"]

#: An environment with a CUDA build of torch takes up to 5.2 GB (torch 2.6.0, measured), and its
#: wheels as much again in uv's cache when that is on another file system.
ROOM_BYTES = 12_000_000_000
#: Headroom of one task, unless a matrix says otherwise.
MEMORY_BYTES = 4_000_000_000
#: Mends what only fails because uv is not there.
GET_UV = f"{sys.executable} -m pip install --force-reinstall uv"
#: Seconds a page has to answer.
PAGE_S = 3.0
#: Seconds a tool has to say what it is.
TOOL_S = 20.0


class Status(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    WARN = "warn"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing a run may need.

    Attributes:
        name: What was looked at.
        status: What was found.
        detail: The finding, in a few words.
        fix: Command or sentence that mends it; empty when nothing is to be mended.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


def diagnose_host(
    *, cache_dir: Path, reports: Path, environ: Mapping[str, str] | None = None
) -> list[Check]:
    """Look at everything a run may need.

    Takes a few seconds, more where a network swallows packets.

    Args:
        cache_dir: Where environments are kept; need not exist.
        reports: Where runs land; need not exist.
        environ: The user's environment variables; this process's when None.

    Raises:
        UsageError: A settings file of pip cannot be read.
    """
    variables = dict(os.environ if environ is None else environ)
    return list(_checks(cache_dir, reports, variables))


def _checks(cache_dir: Path, reports: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    uv = Uv(environ, cache_dir)
    yield _uv(uv)
    yield _pythons(uv, environ)
    yield _default_index(uv, environ)
    yield _pytorch_index()
    yield _disk("disk at the cache", cache_dir)
    yield _disk("disk at the reports", reports)
    yield _memory()
    yield _cores()
    engine = ask_engine(environ)
    yield _docker(engine)
    yield _buildx(environ)
    yield _gpu(environ)
    yield _gpu_runtime(engine)


def _uv(uv: Uv) -> Check:
    try:
        answer = uv.run("--version", cancel=threading.Event()).require("uv does not start")
    except CellError as error:
        return Check(name="uv", status=Status.MISSING, detail=error.message, fix=GET_UV)
    return Check(name="uv", status=Status.OK, detail=answer.stdout.strip().removeprefix("uv "))


def _pythons(uv: Uv, environ: Mapping[str, str]) -> Check:
    try:
        found = list_interpreters(uv, environ, threading.Event())
    except CellError as error:
        return Check(name="Pythons", status=Status.MISSING, detail=error.message, fix=GET_UV)
    releases = sorted({release_of(each.version) for each in found})
    versions = ", ".join(".".join(map(str, release)) for release in releases)
    return Check(
        name="Pythons",
        status=Status.OK if versions else Status.MISSING,
        detail=versions or "none found",
        fix="" if versions else "uv python install",
    )


def _default_index(uv: Uv, environ: Mapping[str, str]) -> Check:
    """Ask through uv itself, so that the answer holds for what a run will do."""
    sources = find_sources(environ)
    try:
        answer = uv.run(
            *("pip", "compile", "--no-deps", "--refresh", "--no-header", "--python"),
            sys.executable,
            *sources.arguments(),
            "-",
            stdin="six\n",
            cancel=threading.Event(),
            environ={"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10", **sources.environment()},
        )
    except CellError as error:
        return Check(name="package index", status=Status.MISSING, detail=error.message, fix=GET_UV)
    if answer.returncode == 0:
        return Check(name="package index", status=Status.OK, detail="answers")
    return Check(
        name="package index",
        status=Status.MISSING,
        detail=explain(answer.stderr),
        fix="behind a proxy: export HTTPS_PROXY=…; for a mirror: export PIP_INDEX_URL=… PIP_CERT=…",
    )


def _pytorch_index() -> Check:
    name = "PyTorch index"
    url = pytorch_index("cpu")
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - our own data file says https
    try:
        urllib.request.urlopen(request, timeout=PAGE_S).close()  # noqa: S310 - the same
    except urllib.error.HTTPError as error:
        # Whoever answers with a status is there, and a folder may well have no page of its own.
        error.close()
    except OSError as error:
        return Check(
            name=name,
            status=Status.WARN,
            detail=f"{url}: {error}; cells that ask for a build become «default»",
            fix="let this machine reach it, or write «cuda: default» in the matrix",
        )
    return Check(name=name, status=Status.OK, detail=f"{url} answers")


def _disk(name: str, folder: Path) -> Check:
    existing = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    free = shutil.disk_usage(existing).free
    if free >= ROOM_BYTES:
        return Check(name=name, status=Status.OK, detail=f"{_gigabytes(free)} free at {folder}")
    return Check(
        name=name,
        status=Status.WARN,
        detail=f"{_gigabytes(free)} free at {folder}; one environment may take 5 GB",
        fix=f"free some space on the file system of {existing}",
    )


def _memory() -> Check:
    fields = dict(
        line.split(":", 1)
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    )
    free = int(fields["MemAvailable"].split()[0]) * 1024
    low = free < MEMORY_BYTES
    return Check(
        name="memory",
        status=Status.WARN if low else Status.OK,
        detail=f"{_gigabytes(free)} available",
        fix="end other programs, or lower limits.memory in the matrix" if low else "",
    )


def _cores() -> Check:
    count = len(os.sched_getaffinity(0))
    return Check(name="cores", status=Status.OK, detail=str(count))


def _docker(engine: EngineAnswer) -> Check:
    if engine.answers:
        detail = f"{engine.version} at {engine.address}"
        return Check(name="Docker engine", status=Status.OK, detail=detail)
    return Check(
        name="Docker engine",
        status=Status.MISSING,
        detail=f"none answers at {engine.address}: {engine.problem}",
        fix="install it (docs.docker.com/engine/install) and start it: sudo systemctl start docker",
    )


def _buildx(environ: Mapping[str, str]) -> Check:
    answer = _ask_tool(environ, "docker", "buildx", "version")
    if answer is not None:
        return Check(name="buildx", status=Status.OK, detail=answer)
    return Check(
        name="buildx",
        status=Status.MISSING,
        detail="«docker buildx version» does not answer",
        fix="install the plugin, docker-buildx-plugin or docker-buildx (docs.docker.com/go/buildx)",
    )


def _gpu(environ: Mapping[str, str]) -> Check:
    query = ("--query-gpu=name,driver_version", "--format=csv,noheader")
    answer = _ask_tool(environ, "nvidia-smi", *query)
    if answer:
        return Check(name="NVIDIA GPU", status=Status.OK, detail="; ".join(answer.splitlines()))
    return Check(
        name="NVIDIA GPU",
        status=Status.MISSING,
        detail="nvidia-smi shows none; device cuda cannot be used here",
        fix="with a GPU built in, install its driver (docs.nvidia.com/datacenter/tesla)",
    )


def _gpu_runtime(engine: EngineAnswer) -> Check:
    name = "NVIDIA runtime of Docker"
    if "nvidia" in engine.runtimes:
        return Check(name=name, status=Status.OK, detail=", ".join(engine.runtimes))
    return Check(
        name=name,
        status=Status.MISSING,
        detail=f"the engine knows {', '.join(engine.runtimes)}" if engine.answers else "no engine",
        fix="sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
    )


def _ask_tool(environ: Mapping[str, str], tool: str, *arguments: str) -> str | None:
    """What a program says, or None when it is missing or fails."""
    program = shutil.which(tool, path=environ.get("PATH"))
    if program is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, fixed arguments
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=TOOL_S,
            env=dict(environ),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
