"""Builds of images for tests, and looks into what was built."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.images.recipe import CELL_LABEL, Base, Recipe
from ckptmatrix.matrix.cell import Cell
from dockers import BASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker.api import APIClient

    from ckptmatrix.providers.base import Environment
    from ckptmatrix.providers.docker.build import Builder
    from ckptmatrix.providers.docker.images import Images

__all__ = ["CELL", "PREFIX", "build", "make", "own_recipe", "read", "refused", "run"]

CELL = Cell(id="test-build", python="3.11", cuda="cpu", packages=("six",))
#: Not a cell of anyone's matrix; what these tests leave behind is found by it.
PREFIX = "test-build"


def make(images: Images, cell: Cell) -> Environment:
    return images.make(cell, cancel=threading.Event(), progress=lambda _phrase: None)


def refused(images: Images, cell: Cell) -> CellError:
    with pytest.raises(CellError) as caught:
        make(images, cell)
    return caught.value


def own_recipe(name: str, steps: str, **files: bytes) -> Recipe:
    """A recipe whose steps are the test's own; different each time, so that no cache answers."""
    text = f'FROM {BASE}\n{steps}\nLABEL {CELL_LABEL}="{PREFIX}-{name}" nonce="{time.time_ns()}"\n'
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Recipe(
        cell=f"{PREFIX}-{name}",
        target=f"{name}_{digest[:12]}",
        tag=f"ckptmatrix/{PREFIX}-{name}:{digest[:12]}",
        digest=digest,
        inputs=digest,
        base=Base(name=BASE, identity=""),
        platform="linux/amd64",
        dockerfile=text,
        buildkit_dockerfile=text,
        files=files,
    )


def build(
    builder: Builder, *recipes: Recipe, progress: Callable[[str, str], None] | None = None
) -> dict[str, CellError]:
    return builder.build(
        recipes, cancel=threading.Event(), progress=progress or (lambda _cell, _phrase: None)
    )


def read(api: APIClient, image: str, path: str) -> str:
    """A file of an image, through a container that never runs."""
    container = api.create_container(image, command=["-"])["Id"]
    try:
        chunks, _ = api.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            assert file is not None
            return file.read().decode()
    finally:
        api.remove_container(container)


def run(api: APIClient, image: str, *command: str) -> str:
    container = api.create_container(image, command=list(command), entrypoint=[])["Id"]
    try:
        api.start(container)
        code = api.wait(container)["StatusCode"]
        said = api.logs(container).decode()
        assert code == 0, said
        return str(said)
    finally:
        api.remove_container(container, force=True)
