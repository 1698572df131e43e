"""A user's own image: nothing is built, but what it brings is looked at."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound

from ckptmatrix.errors import CellError
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import APIClient

    from ckptmatrix.matrix.cell import Cell

__all__ = ["find_interpreter", "notes_on"]

#: Search path of an image that names none, as the engine has it.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_interpreter(
    api: APIClient, cell: Cell, image: Mapping[str, Any], labels: Mapping[str, str]
) -> str:
    """The absolute path of an image's Python.

    Looks into a container that is never started.

    Args:
        api: The engine.
        cell: Says where it is, or leaves it to the image's own search path.
        image: What the engine said of the image.
        labels: Of the container.

    Raises:
        CellError: There is none.
    """
    config = image.get("Config") or {}
    if cell.interpreter is not None:
        candidates = [cell.interpreter]
    else:
        variables = dict(text.partition("=")[::2] for text in config.get("Env") or ())
        folders = (variables.get("PATH") or _PATH).split(":")
        candidates = [
            f"{folder}/{name}" for name in ("python3", "python") for folder in folders if folder
        ]
    # An image without a command cannot be made a container of; this one never runs.
    container = api.create_container(
        image["Id"], command=["-"], labels=dict(labels), network_disabled=True
    )["Id"]
    try:
        for candidate in candidates:
            if _is_file(api, container, candidate):
                return candidate
    finally:
        api.remove_container(container, v=True, force=True)
    name = cell.image
    if cell.interpreter is not None:
        message = (
            f"the image {name} has no {cell.interpreter}; correct the cell's interpreter: the "
            "absolute path of a Python inside the image"
        )
    else:
        message = (
            f"the image {name} has no Python on its PATH; name it with the cell's interpreter, "
            "or add Python and torch to the image"
        )
    raise CellError(Reason.PYTHON_NOT_FOUND, message)


def notes_on(image: Mapping[str, Any]) -> tuple[str, ...]:
    """What of an image does not take effect in a cell, for the record.

    Args:
        image: What the engine said of it.
    """
    config = image.get("Config") or {}
    found = {
        "ENTRYPOINT": " ".join(config.get("Entrypoint") or ()),
        "USER": str(config.get("User") or ""),
        "HEALTHCHECK": " ".join((config.get("Healthcheck") or {}).get("Test") or ()),
        "VOLUME": " ".join(sorted(config.get("Volumes") or ())),
        "WORKDIR": str(config.get("WorkingDir") or ""),
    }
    set_aside = [f"{name} {value}" for name, value in found.items() if value]
    if not set_aside:
        return ()
    return (f"the image's own settings are set aside: {'; '.join(set_aside)}",)


def _is_file(api: APIClient, container: str, path: str) -> bool:
    """Whether a container has a file at a path, links followed as inside it."""
    place = PurePosixPath(path)
    for _ in range(40):  # As many links in a row as Linux follows.
        try:
            chunks, stat = api.get_archive(container, str(place))
        except NotFound:
            return False
        chunks.close()
        target = stat.get("linkTarget") or ""
        if not target or target == str(place):
            # Go's file mode: the highest bit is a folder's.
            return not stat["mode"] & (1 << 31)
        place = PurePosixPath(place.parent, target)
    return False
