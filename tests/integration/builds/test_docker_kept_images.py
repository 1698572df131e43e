"""Which images stay, and which are pruned."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.matrix.model import Build
from ckptmatrix.providers.docker.bases import local_image
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.providers.docker.prune import prune_images
from dockers import BASE
from image_builds import CELL, PREFIX, build, make, own_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder

pytestmark = pytest.mark.network


def test_an_image_outlives_its_base(api: APIClient, tmp_path: Path) -> None:
    name = f"{PREFIX}-base:3.11"
    api.tag(BASE, f"{PREFIX}-base", "3.11")
    images = Images(
        api=api,
        cache_dir=tmp_path,
        build=Build(base=f"{PREFIX}-base:{{python}}"),
        environ=os.environ,
    )
    made = make(images, CELL)
    api.remove_image(name)
    again = make(images, CELL)
    assert (again.reused, again.key) == (True, made.key)


def test_pruning_keeps_the_newest_of_each_cell(api: APIClient, builder: Builder) -> None:
    """Only told what would be pruned: an engine may hold images that are not this test's."""
    old, new = own_recipe("twice", "RUN echo 1 > /a"), own_recipe("twice", "RUN echo 2 > /a")
    other = own_recipe("other", "RUN echo 3 > /a")
    assert build(builder, old) == {}
    time.sleep(1.1)  # An image's time of creation is in whole seconds.
    assert build(builder, new, other) == {}
    pruned = prune_images(api, {new.cell}, dry_run=True)
    names = {each.name for each in pruned if each.cell.startswith(PREFIX)}
    assert names == {old.tag, other.tag}
    assert local_image(api, old.tag) is not None


def test_pruning_removes(api: APIClient, builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = own_recipe("other", "RUN echo 3 > /a")
    assert build(builder, recipe) == {}
    every = api.images
    monkeypatch.setattr(
        api, "images", lambda **asked: [i for i in every(**asked) if recipe.tag in i["RepoTags"]]
    )
    container = api.create_container(recipe.tag, command=["-"])["Id"]
    try:
        (held,) = prune_images(api, set(), dry_run=False)
        assert "container" in held.kept
    finally:
        api.remove_container(container)
    (gone,) = prune_images(api, set(), dry_run=False)
    assert (gone.name, gone.cell, gone.kept) == (recipe.tag, recipe.cell, "")
    assert gone.bytes > 0
    assert local_image(api, recipe.tag) is None
