"""Whether a Docker engine answers, and what it says about itself."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docker
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.errors import DockerException
from requests.exceptions import RequestException

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EngineAnswer", "ask_engine"]

#: Seconds an engine has to answer; a local one takes milliseconds.
TIMEOUT_S = 3


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


def ask_engine(environ: Mapping[str, str]) -> EngineAnswer:
    """Ask the Docker engine that the user's environment names.

    Args:
        environ: Environment variables; ``DOCKER_HOST`` says where, the default socket otherwise.
    """
    address = environ.get("DOCKER_HOST") or DEFAULT_UNIX_SOCKET.replace("http+unix", "unix")
    if nobody := _nobody_listens(address):
        return EngineAnswer(address=address, problem=nobody)
    try:
        with closing(docker.from_env(timeout=TIMEOUT_S, environment=dict(environ))) as client:
            info = client.info()
    except (DockerException, RequestException) as error:
        return EngineAnswer(address=address, problem=" ".join(str(error).split()))
    return EngineAnswer(
        address=address,
        version=str(info["ServerVersion"]),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
    )


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
