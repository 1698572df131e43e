"""Removes what runs that died left in an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound

from ckptmatrix.providers.docker.labels import OWNER, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker.api import APIClient

__all__ = ["Cleaned", "clean", "is_left_over"]


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What was removed, and what was not.

    Attributes:
        containers: Names of containers removed.
        volumes: Names of volumes removed.
        spared: Names of things of runs that live, or may live.
        refused: Names of things the engine would not remove, with what it said.
    """

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def is_left_over(labels: Mapping[str, str], *, everything: bool) -> bool:
    """Whether a thing with these labels is to be removed.

    Args:
        labels: Its labels.
        everything: Also what belongs to a run that lives.
    """
    if OWNER not in labels:
        return False
    owner = owner_of(labels)
    return everything or owner is None or owner.is_gone()


def clean(api: APIClient, *, everything: bool = False) -> Cleaned:
    """Remove containers and volumes of runs that do not live any more.

    Only what carries our labels is touched. A run on another machine, or in another container of
    this one, cannot be seen from here; what is its own is spared.

    Args:
        api: The engine.
        everything: Also what belongs to runs that live.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    containers: list[str] = []
    volumes: list[str] = []
    spared: list[str] = []
    refused: list[tuple[str, str]] = []
    for each in api.containers(all=True, filters={"label": OWNER}):
        name = each["Names"][0].lstrip("/") if each["Names"] else each["Id"][:12]
        if not is_left_over(each["Labels"], everything=everything):
            spared.append(name)
            continue
        try:
            api.remove_container(each["Id"], v=True, force=True)
            containers.append(name)
        except NotFound:
            continue
        except APIError as error:
            refused.append((name, str(error.explanation)))
    for each in api.volumes(filters={"label": OWNER})["Volumes"] or ():
        name = each["Name"]
        if not is_left_over(each["Labels"] or {}, everything=everything):
            spared.append(name)
            continue
        try:
            api.remove_volume(name, force=True)
            volumes.append(name)
        except NotFound:
            continue
        except APIError as error:
            refused.append((name, str(error.explanation)))
    return Cleaned(
        containers=tuple(containers),
        volumes=tuple(volumes),
        spared=tuple(spared),
        refused=tuple(refused),
    )
