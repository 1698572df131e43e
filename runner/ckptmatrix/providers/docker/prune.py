"""Removes images that no cell of a matrix uses any more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, ImageNotFound

from ckptmatrix.images.recipe import CELL_LABEL, STAGE_LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from docker import APIClient

__all__ = ["Pruned", "prune_images"]


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
    pruned = []
    for image, cell in _superfluous(api, cells):
        names = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
        kept = ""
        try:
            # By its tags, not by force: an image that a container uses stays.
            for name in () if dry_run else names or [image["Id"]]:
                api.remove_image(name)
        except ImageNotFound:
            pass
        except APIError as error:
            kept = " ".join(str(error.explanation or error).split())
        pruned.append(
            Pruned(name=(names or [image["Id"]])[0], cell=cell, bytes=image["Size"], kept=kept)
        )
    return pruned


def _superfluous(api: APIClient, cells: Collection[str]) -> Iterator[tuple[dict[str, Any], str]]:
    for image in api.images(filters={"label": STAGE_LABEL, "dangling": True}):
        yield image, image["Labels"].get(CELL_LABEL, "")
    ours = api.images(filters={"label": CELL_LABEL})
    ours.sort(key=lambda image: (image["Labels"][CELL_LABEL], -image["Created"], image["Id"]))
    for cell, images in groupby(ours, key=lambda image: str(image["Labels"][CELL_LABEL])):
        for place, image in enumerate(images):
            if place > 0 or cell not in cells:
                yield image, cell
