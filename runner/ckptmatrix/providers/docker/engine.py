"""The Docker engine: finding it, connecting to it, and what it says about itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from docker import APIClient
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI
from docker.errors import DockerException
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException

from ckptmatrix.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker.context import Context

__all__ = [
    "EngineAnswer",
    "EngineFacts",
    "ask_engine",
    "connect",
    "context_name",
    "facts_of",
    "has_buildx",
]

#: Seconds an engine has to answer; a local one takes milliseconds.
TIMEOUT_S = 3
#: Connections kept open: as many jobs and builds may talk to the engine at once.
CONNECTIONS = 64
#: Oldest API with everything that is used here: ``platform`` when creating a container.
OLDEST_API = (1, 41)

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class EngineAnswer:
    """What came back from where an engine should be.

    Attributes:
        address: Where it was asked.
        version: Its version, or empty when none answered.
        problem: Why none answered, or empty.
        runtimes: Container runtimes it knows.
    """

    address: str
    version: str = ""
    problem: str = ""
    runtimes: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether there is an engine."""
        return bool(self.version)


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What an engine says about itself.

    Attributes:
        version: ``20.10.24``.
        api_version: Newest API it speaks: ``1.41``.
        platform: What it runs without emulation: ``linux/amd64``.
        storage_driver: ``overlay2``.
        runtimes: Container runtimes, sorted: ``nvidia`` where GPUs can be given to containers.
        cgroup_version: ``1`` or ``2``.
        memory_bytes: Memory of its machine.
        cpus: Processors of its machine.
    """

    version: str
    api_version: str
    platform: str
    storage_driver: str
    runtimes: tuple[str, ...]
    cgroup_version: str
    memory_bytes: int
    cpus: int


def ask_engine(environ: Mapping[str, str]) -> EngineAnswer:
    """Ask the Docker engine that the user's environment names.

    Args:
        environ: Environment variables; see :func:`connect`.
    """
    address = environ.get("DOCKER_HOST", "")
    try:
        arguments = _arguments(environ)
        address = arguments.get("base_url") or ""
        if nobody := _nobody_listens(address):
            return EngineAnswer(address=address, problem=nobody)
        with closing(APIClient(**arguments, timeout=TIMEOUT_S)) as client:
            info = client.info()
    except (DockerException, RequestException, EngineError) as error:
        return EngineAnswer(address=address, problem=" ".join(str(error).split()))
    return EngineAnswer(
        address=address,
        version=str(info["ServerVersion"]),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
    )


def connect(environ: Mapping[str, str], *, timeout_s: int | None = 60) -> APIClient:
    """Connect to the engine that the user's environment names.

    As the ``docker`` command does: ``DOCKER_HOST`` first, then the context that
    ``DOCKER_CONTEXT`` or its settings file names, then the default socket.

    Args:
        environ: Environment variables.
        timeout_s: Seconds without a byte after which a request fails; None for ever.

    Raises:
        EngineError: No engine answers, or one that is too old.
    """
    address = "the default socket"
    try:
        arguments = _arguments(environ)
        address = arguments.get("base_url") or address
        if nobody := _nobody_listens(address):
            raise DockerException(nobody)  # noqa: TRY301 - told as the SDK's own errors are
        client = APIClient(
            **arguments,
            timeout=timeout_s,  # type: ignore[arg-type]  # requests takes None, which the stubs miss
            max_pool_size=CONNECTIONS,
        )
        client.ping()
    except (DockerException, RequestException) as error:
        why = _root_cause(error)
        message = (
            f"no Docker engine answers at {address} ({why}); start one, name another with "
            "DOCKER_HOST or «docker context use», or take --provider venv"
        )
        raise EngineError(message) from error
    spoken = client.api_version
    if tuple(int(part) for part in spoken.split(".")) < OLDEST_API:
        client.close()
        oldest = ".".join(map(str, OLDEST_API))
        message = (
            f"the Docker engine at {address} speaks API {spoken} and {oldest} is needed "
            "(Docker 20.10 or newer); update it, or take --provider venv"
        )
        raise EngineError(message)
    return client


def facts_of(client: APIClient) -> EngineFacts:
    """What a connected engine says about itself."""
    info = client.info()
    version = client.version()
    machine = str(version["Arch"])
    return EngineFacts(
        version=str(version["Version"]),
        api_version=str(version["ApiVersion"]),
        platform=f"{version['Os']}/{_ARCHITECTURES.get(machine, machine)}",
        storage_driver=str(info.get("Driver", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        cgroup_version=str(info.get("CgroupVersion", "")),
        memory_bytes=int(info.get("MemTotal", 0)),
        cpus=int(info.get("NCPU", 0)),
    )


def has_buildx(environ: Mapping[str, str]) -> bool:
    """Whether the ``docker`` command and its ``buildx`` plugin are on this machine.

    Args:
        environ: Environment variables the command would run with.
    """
    program = shutil.which("docker", path=environ.get("PATH"))
    if program is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and all arguments are constants
            [program, "buildx", "version"],
            env=dict(environ),
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def context_name(environ: Mapping[str, str]) -> str:
    """Name of the context in use: also that of the engine's own builder in buildx."""
    if environ.get("DOCKER_HOST"):
        return "default"
    return environ.get("DOCKER_CONTEXT") or ContextAPI.get_current_context().Name


def _arguments(environ: Mapping[str, str]) -> dict[str, Any]:
    """How a client of the engine is made."""
    arguments: dict[str, Any] = {**kwargs_from_env(environment=dict(environ))}
    if "base_url" not in arguments:
        name = environ.get("DOCKER_CONTEXT")
        context = _context(name)
        if context is None:
            message = (
                f"there is no Docker context «{name}»; «docker context ls» lists those there are"
            )
            raise EngineError(message)
        default = DEFAULT_UNIX_SOCKET.replace("http+unix", "unix")
        arguments["base_url"] = context.Host or default
        if (tls := context.TLSConfig) is not None:
            arguments["tls"] = tls
    if arguments["base_url"].startswith("ssh://") and find_spec("paramiko") is None:
        message = (
            f"the Docker engine is at {arguments['base_url']}, which needs one more package; "
            "install it with: python -m pip install 'ckptmatrix[ssh]'"
        )
        raise EngineError(message)
    # The ssh of the machine knows the user's keys, agents and settings; the SDK's own does not.
    arguments["use_ssh_client"] = arguments["base_url"].startswith("ssh://")
    return arguments


def _context(name: str | None) -> Context | None:
    return ContextAPI.get_context(name) if name else ContextAPI.get_current_context()


def _nobody_listens(address: str) -> str:
    """Why a socket of this machine cannot be connected to, or an empty string.

    The SDK leaves its socket open when that fails (docker 7.1, ``UnixHTTPConnection.connect``).
    """
    path = address.removeprefix("unix://")
    if path == address:
        return ""
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(TIMEOUT_S)
        try:
            probe.connect(path)
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _root_cause(error: BaseException) -> str:
    """The innermost explanation, on one line: ``No such file or directory``."""
    while error.__context__ is not None:
        error = error.__context__
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200]
