"""Which provider makes the cells of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.errors import UsageError
from ckptmatrix.providers.docker.engine import ask_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckptmatrix.providers.docker.engine import EngineAnswer

__all__ = ["Choice", "choose_provider"]


class Choice(NamedTuple):
    """The provider of a run.

    Attributes:
        name: ``venv``.
        reason: Why, in one line that begins with the name.
    """

    name: str
    reason: str


def choose_provider(
    asked: str,
    *,
    environ: Mapping[str, str] | None = None,
    ask: Callable[[Mapping[str, str]], EngineAnswer] = ask_engine,
) -> Choice:
    """Choose where environments come from.

    Args:
        asked: ``auto``, ``venv`` or ``docker``.
        environ: The user's environment variables; this process's when None.
        ask: Asks the Docker engine.

    Raises:
        UsageError: The asked provider is not to be had.
    """
    match asked:
        case "venv":
            return Choice("venv", "venv: asked for")
        case "auto":
            answer = ask(os.environ if environ is None else environ)
            if answer.answers:
                reason = (
                    f"a Docker engine answers at {answer.address}, but this version has no "
                    "containers yet"
                )
            else:
                reason = f"no Docker engine answers at {answer.address}"
            return Choice("venv", f"venv: {reason}")
        case "docker":
            message = "provider docker: this version has no containers yet; use venv or auto"
            raise UsageError(message)
        case _:
            message = f"unknown provider {asked!r}; there are auto, venv and docker"
            raise UsageError(message)
