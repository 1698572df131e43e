"""What this machine has, what it lacks, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.matrix.wheels import index_of
from ckptmatrix.providers.docker.engine import ask_engine
from ckptmatrix.providers.venv.failures import explain, is_unreachable
from ckptmatrix.providers.venv.indexes import find_sources
from ckptmatrix.providers.venv.interpreters import list_interpreters
from ckptmatrix.providers.venv.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ckptmatrix.providers.docker.engine import EngineAnswer
    from ckptmatrix.providers.venv.sources import Sources
    from ckptmatrix.providers.venv.uv import Completed

__all__ = ["Check", "Status", "diagnose_host"]

#: An environment with a CUDA build of torch takes up to 5.2 GB (torch 2.6.0, measured), and its
#: wheels as much again in uv's cache when that is on another file system.
ROOM_BYTES = 12_000_000_000
#: No environment with torch is smaller.
LEAST_BYTES = 500_000_000
#: Headroom of one task, unless a matrix says otherwise.
MEMORY_BYTES = 4_000_000_000
#: Mends what only fails because uv is not there.
GET_UV = f"{sys.executable} -m pip install --force-reinstall uv"
#: Seconds a page has to answer.
PAGE_S = "10"
#: Seconds a tool has to say what it is.
TOOL_S = 20.0

_PCI = Path("/sys/bus/pci/devices")


class Status(StrEnum):
    """What a check found: fine, no cell can be made, or something that not every run needs."""

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
    sources = find_sources(environ)
    engine = ask_engine(environ)
    yield _uv(uv)
    yield _pythons(uv, environ, engine)
    yield _default_index(uv, sources)
    yield _pytorch_index(uv, sources)
    yield _disk("disk at the cache", cache_dir, "export CKPTMATRIX_CACHE=…")
    yield _disk("disk at the reports", reports, "ckptmatrix run --out …")
    yield _memory()
    yield _cores()
    yield _docker(engine, environ)
    yield _buildx(environ)
    gpu = _gpu(environ)
    yield gpu
    yield _gpu_runtime(engine, has_gpu=gpu.status is Status.OK)


def _uv(uv: Uv) -> Check:
    try:
        answer = uv.run("--version", cancel=threading.Event()).require("uv does not start")
    except (CellError, OSError) as error:
        return Check(name="uv", status=Status.MISSING, detail=str(error), fix=GET_UV)
    return Check(name="uv", status=Status.OK, detail=answer.stdout.strip().removeprefix("uv "))


def _pythons(uv: Uv, environ: Mapping[str, str], engine: EngineAnswer) -> Check:
    try:
        found = list_interpreters(uv, environ, threading.Event())
    except (CellError, OSError) as error:
        return Check(name="Pythons", status=Status.MISSING, detail=str(error), fix=GET_UV)
    releases = sorted({release_of(each.version) for each in found})
    versions = ", ".join(".".join(map(str, release)) for release in releases)
    if versions:
        return Check(name="Pythons", status=Status.OK, detail=versions)
    return Check(
        name="Pythons",
        # Containers bring their own.
        status=Status.WARN if engine.answers else Status.MISSING,
        detail="none found",
        fix=f"{sys.executable} -m uv python install",
    )


def _default_index(uv: Uv, sources: Sources) -> Check:
    name = "package index"
    if sources.no_index:
        return _not_asked(name, Status.OK if sources.find_links else Status.MISSING)
    try:
        answer = _ask(uv, sources, "six")
    except (CellError, OSError) as error:
        return Check(name=name, status=Status.MISSING, detail=str(error), fix=GET_UV)
    if answer.returncode == 0:
        return Check(name=name, status=Status.OK, detail="answers")
    return Check(
        name=name,
        status=Status.MISSING,
        detail=explain(answer.stderr),
        fix="behind a proxy: export HTTPS_PROXY=…; for a mirror: export PIP_INDEX_URL=… PIP_CERT=…",
    )


def _pytorch_index(uv: Uv, sources: Sources) -> Check:
    name = "PyTorch index"
    url = index_of("cpu") or ""
    if sources.no_index:
        return _not_asked(name, Status.WARN)
    try:
        # Small, and among the few packages that lie beside torch.
        answer = _ask(uv, sources.alone(url), "filelock")
    except (CellError, OSError) as error:
        return Check(name=name, status=Status.WARN, detail=str(error), fix=GET_UV)
    # An index that answers may well lack a package.
    if answer.returncode == 0 or not is_unreachable(answer.stderr):
        return Check(name=name, status=Status.OK, detail=f"{url} answers")
    return Check(
        name=name,
        status=Status.WARN,
        detail=f"{explain(answer.stderr)}; cells that ask for a build become «default»",
        fix="behind a proxy: export HTTPS_PROXY=…; with own certificates: export PIP_CERT=…; "
        "or write «cuda: default» in the matrix",
    )


def _ask(uv: Uv, sources: Sources, package: str) -> Completed:
    """Ask through uv itself, so that the answer holds for what a run will do."""
    return uv.run(
        *("pip", "compile", "--no-deps", "--refresh", "--no-header", "--python"),
        sys.executable,
        *sources.arguments(),
        "-",
        stdin=f"{package}\n",
        cancel=threading.Event(),
        environ={"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": PAGE_S, **sources.environment()},
    )


def _not_asked(name: str, status: Status) -> Check:
    fix = "" if status is Status.OK else f"{sys.executable} -m pip config unset global.no-index"
    return Check(name=name, status=status, detail="not asked: pip's settings say no-index", fix=fix)


def _disk(name: str, folder: Path, elsewhere: str) -> Check:
    existing = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            name=name,
            status=Status.MISSING,
            detail=f"{existing} is not a folder this user can write to",
            fix=elsewhere,
        )
    free = shutil.disk_usage(existing).free
    if free >= ROOM_BYTES:
        return Check(name=name, status=Status.OK, detail=f"{_gigabytes(free)} free at {folder}")
    return Check(
        name=name,
        status=Status.WARN if free >= LEAST_BYTES else Status.MISSING,
        detail=f"{_gigabytes(free)} free at {folder}; one environment may take 5 GB",
        fix=f"free some space on the file system of {existing} (ckptmatrix clean), or: {elsewhere}",
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


def _docker(engine: EngineAnswer, environ: Mapping[str, str]) -> Check:
    if engine.answers:
        detail = f"{engine.version} at {engine.address}"
        return Check(name="Docker engine", status=Status.OK, detail=detail)
    if shutil.which("docker", path=environ.get("PATH")) is None:
        fix = "curl -fsSL https://get.docker.com | sudo sh"
    elif "permission denied" in engine.problem.lower():
        fix = 'sudo usermod -aG docker "$USER", then log in again'
    else:
        fix = "sudo systemctl start docker"
    return Check(
        name="Docker engine",
        status=Status.WARN,
        detail=f"none answers at {engine.address}: {engine.problem}; "
        "cells of Debian suites and images need one",
        fix=fix,
    )


def _buildx(environ: Mapping[str, str]) -> Check:
    answer = _ask_tool(environ, "docker", "buildx", "version")
    if answer is not None:
        return Check(name="buildx", status=Status.OK, detail=answer)
    return Check(
        name="buildx",
        status=Status.WARN,
        detail="«docker buildx version» does not answer; images are built one after another",
        fix="sudo apt-get install docker-buildx-plugin || sudo apt-get install docker-buildx",
    )


def _gpu(environ: Mapping[str, str]) -> Check:
    name = "NVIDIA GPU"
    query = ("--query-gpu=name,driver_version", "--format=csv,noheader")
    answer = _ask_tool(environ, "nvidia-smi", *query)
    if answer:
        return Check(name=name, status=Status.OK, detail="; ".join(answer.splitlines()))
    if _has_nvidia_hardware():
        return Check(
            name=name,
            status=Status.WARN,
            detail="one is built in, and nvidia-smi shows none: its driver is missing or broken",
            fix="sudo ubuntu-drivers install (elsewhere: docs.nvidia.com/datacenter/tesla)",
        )
    detail = "none; only device cuda needs one, everything else runs"
    return Check(name=name, status=Status.WARN, detail=detail)


def _has_nvidia_hardware() -> bool:
    """Whether a display controller of NVIDIA is on the PCI bus, driver or not."""
    for device in _PCI.glob("*"):
        with suppress(OSError):
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            if vendor == "0x10de" and kind.startswith("0x03"):
                return True
    return False


def _gpu_runtime(engine: EngineAnswer, *, has_gpu: bool) -> Check:
    name = "NVIDIA runtime of Docker"
    if "nvidia" in engine.runtimes:
        return Check(name=name, status=Status.OK, detail=", ".join(engine.runtimes))
    if not has_gpu:
        return Check(name=name, status=Status.WARN, detail="none; without a GPU none is needed")
    if not engine.answers:
        return Check(name=name, status=Status.WARN, detail="no engine answers")
    return Check(
        name=name,
        status=Status.WARN,
        detail=f"none; the engine knows {', '.join(engine.runtimes)}",
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
