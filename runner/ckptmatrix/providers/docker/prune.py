"""Removes images that no cell of a matrix uses any more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, ImageNotFound

from ckptmatrix.images.recipe import CELL_LABEL, STAGE_LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from docker import APIClient

__all__ = ["Pruned", "prune_images", "superfluous"]


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """One image that is, or is to be, removed.

    Attributes:
        name: Its tag, or its id when it has none.
        cell: Cell it was built for.
        bytes: Its size; part of it may be shared with images that stay.
        kept: Why it is still there, or empty.
    """

    name: str
    cell: str
    bytes: int
    kept: str = ""


def prune_images(api: APIClient, cells: Collection[str], *, dry_run: bool) -> list[Pruned]:
    """Remove images that were built here, but for the newest one of each cell.

    Bases, users' own images and BuildKit's cache are not touched.

    Args:
        api: The engine.
        cells: Ids of the cells whose images are kept.
        dry_run: Whether nothing is removed.

    Returns:
        What was removed, or would be, and what could not be.
    """
    stages = api.images(filters={"label": STAGE_LABEL, "dangling": True})
    ours = api.images(filters={"label": CELL_LABEL})
    known = {image["Id"] for image in ours}
    found = [
        *(image for image in stages if image["Id"] not in known),
        *superfluous(ours, cells),
    ]
    return [_remove(api, image, dry_run=dry_run) for image in found]


def superfluous(
    images: Iterable[Mapping[str, Any]], cells: Collection[str]
) -> list[Mapping[str, Any]]:
    """Those of our images that no cell needs.

    Args:
        images: As the engine lists them, all with the label of their cell.
        cells: Ids of the cells that need one.
    """
    ordered = sorted(images, key=lambda image: (_cell(image), -image["Created"], image["Id"]))
    return [
        image
        for cell, same in groupby(ordered, key=_cell)
        for place, image in enumerate(same)
        if place > 0 or cell not in cells
    ]


def _remove(api: APIClient, image: Mapping[str, Any], *, dry_run: bool) -> Pruned:
    names = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
    names = names or [image["Id"]]
    kept = ""
    try:
        # By its tags, not by force: an image that a container uses stays.
        for name in () if dry_run else names:
            api.remove_image(name)
    except ImageNotFound:
        pass
    except APIError as error:
        kept = " ".join(str(error.explanation or error).split())
    return Pruned(name=names[0], cell=_cell(image), bytes=image["Size"], kept=kept)


def _cell(image: Mapping[str, Any]) -> str:
    return str((image.get("Labels") or {}).get(CELL_LABEL, ""))
