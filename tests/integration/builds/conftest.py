"""Images built for real, with BuildKit and with the classic builder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.images.recipe import CELL_LABEL
from ckptmatrix.matrix.model import Build
from ckptmatrix.providers.docker.bake import BakeBuilder
from ckptmatrix.providers.docker.classic import ClassicBuilder
from ckptmatrix.providers.docker.engine import has_buildx
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.providers.docker.labels import RUN
from dockers import engine_or_skip
from image_builds import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder


@pytest.fixture(scope="module")
def api() -> APIClient:
    return engine_or_skip()


@pytest.fixture(autouse=True)
def tidy(api: APIClient) -> Iterator[None]:
    """Whatever a test builds is removed, and then nothing else may be left."""
    before = traces(api)
    yield
    for image in api.images(filters={"label": CELL_LABEL}):
        if image["Labels"][CELL_LABEL].startswith(PREFIX):
            api.remove_image(image["Id"], force=True)
    assert traces(api) == before


def traces(api: APIClient) -> tuple[set[str], set[str]]:
    """Containers and images, but for the containers of jobs, which are no matter of builds."""
    containers = {each["Id"] for each in api.containers(all=True) if RUN not in each["Labels"]}
    return containers, {each["Id"] for each in api.images(all=True)}


@pytest.fixture(params=["bake", "classic"])
def builder(request: pytest.FixtureRequest) -> Builder:
    if request.param == "classic":
        return ClassicBuilder(os.environ)
    if not has_buildx(os.environ):
        if os.environ.get("CKPTMATRIX_REQUIRE_DOCKER") == "1":
            pytest.fail("the docker command has no buildx")
        pytest.skip("the docker command has no buildx")
    return BakeBuilder(os.environ)


@pytest.fixture
def images(api: APIClient, builder: Builder, tmp_path: Path) -> Images:
    return Images(
        api=api, cache_dir=tmp_path / "cache", build=Build(), environ=os.environ, builder=builder
    )
