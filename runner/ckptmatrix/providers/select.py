"""Which provider makes the cells of a run."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.errors import EngineError, UsageError
from ckptmatrix.images.recipe import Settings, base_name
from ckptmatrix.providers.docker.bases import why_not_available
from ckptmatrix.providers.docker.engine import ask_engine, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.docker.engine import EngineAnswer

__all__ = ["Choice", "choose_provider"]

#: Seconds the engine may take to look an image up in its registry.
LOOK_UP_S = 15


class Choice(NamedTuple):
    """The provider of a run.

    Attributes:
        name: ``venv`` or ``docker``.
        reason: Why, in one line that begins with the name.
    """

    name: str
    reason: str


def choose_provider(
    asked: str,
    cells: Sequence[Cell],
    *,
    base: str = Settings.base,
    environ: Mapping[str, str] | None = None,
    ask: Callable[[Mapping[str, str]], EngineAnswer] = ask_engine,
    first_missing: Callable[[Mapping[str, str], Sequence[str]], str] | None = None,
) -> Choice:
    """Choose where environments come from.

    ``auto`` takes containers when an engine answers and has, or can pull, every image that the
    cells start from; else virtual environments.

    Args:
        asked: ``auto``, ``venv`` or ``docker``.
        cells: Those of the run that can be tried.
        base: The matrix's base image, with ``{python}`` where the release belongs.
        environ: The user's environment variables; this process's when None.
        ask: Asks the Docker engine.
        first_missing: Says which of some images the engine cannot have, and why; empty for none.

    Raises:
        UsageError: There is no such provider.
        EngineError: ``docker`` is asked for and no engine answers.
    """
    variables = os.environ if environ is None else environ
    match asked:
        case "venv":
            return Choice("venv", "venv: asked for")
        case "auto" | "docker":
            answer = ask(variables)
        case _:
            message = f"unknown provider {asked!r}; there are auto, venv and docker"
            raise UsageError(message)
    engine = f"Docker engine {answer.version} at {answer.address}"
    if asked == "docker":
        if answer.answers:
            return Choice("docker", f"docker: asked for; {engine}")
        message = (
            f"no Docker engine answers at {answer.address} ({answer.problem})\n"
            "    fix: start it, set DOCKER_HOST, or take --provider venv"
        )
        raise EngineError(message)
    if not answer.answers:
        return Choice("venv", f"venv: no Docker engine answers at {answer.address}")
    names = list(dict.fromkeys(_image_of(cell, base) for cell in cells))
    missing = (first_missing or _first_missing)(variables, names)
    if missing:
        return Choice("venv", f"venv: the {engine} cannot have {missing}")
    return Choice("docker", f"docker: {engine}")


def _image_of(cell: Cell, base: str) -> str:
    return cell.image if cell.image is not None else base_name(cell, Settings(base=base))


def _first_missing(environ: Mapping[str, str], names: Sequence[str]) -> str:
    try:
        with closing(connect(environ, timeout_s=LOOK_UP_S)) as api:
            for name in names:
                if problem := why_not_available(api, name):
                    return f"{name}: {problem}"
    except EngineError as error:
        return str(error).splitlines()[0]
    return ""
