"""A user's own image."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.images.recipe import CELL_LABEL
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.docker.bases import local_image
from ckptmatrix.words import Reason
from dockers import BASE
from image_builds import PREFIX, make, refused

if TYPE_CHECKING:
    from docker.api import APIClient

    from ckptmatrix.providers.docker.images import Images

pytestmark = pytest.mark.network


def own_image(api: APIClient, name: str, *changes: str) -> str:
    """An image with nothing in it but one file that is no Python."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as out:
        for path in ("usr/bin/tool", "opt/other/python3"):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = 3, 0o755
            out.addfile(entry, io.BytesIO(b"abc"))
    archive.seek(0)
    tag = f"{PREFIX}-{name}:1"
    changes = (f'LABEL {CELL_LABEL}="{tag}"', *changes)
    api.import_image_from_data(archive.read(), repository=tag, changes=list(changes))
    return tag


def test_an_image_of_a_user_is_taken_as_it_is(api: APIClient, images: Images) -> None:
    made = make(images, Cell(id="test-build-mine", image=BASE))
    assert made.location == api.inspect_image(BASE)["Id"]  # type: ignore[no-untyped-call]
    assert made.cell.interpreter == "/usr/bin/python3"
    images.remove(made)
    assert local_image(api, BASE) is not None


def test_an_image_without_python(api: APIClient, images: Images) -> None:
    name = own_image(api, "nothing")
    error = refused(images, Cell(id="test-build-mine", image=name))
    assert error.reason is Reason.PYTHON_NOT_FOUND
    assert name in error.message
    missing = refused(images, Cell(id="test-build-mine", image=name, interpreter="/opt/python"))
    assert "/opt/python" in missing.message
    folder = refused(images, Cell(id="test-build-mine", image=name, interpreter="/opt/other"))
    assert folder.reason is Reason.PYTHON_NOT_FOUND


def test_what_an_image_brings_is_set_aside_and_said(api: APIClient, images: Images) -> None:
    name = own_image(
        api,
        "loaded",
        "ENV PATH=/nowhere:/opt/other",
        'ENTRYPOINT ["/usr/bin/tool"]',
        "USER 1000",
        "VOLUME /data",
        "HEALTHCHECK CMD true",
    )
    made = make(images, Cell(id="test-build-mine", image=name))
    assert made.cell.interpreter == "/opt/other/python3"
    (note,) = made.notes
    for setting in ("ENTRYPOINT /usr/bin/tool", "USER 1000", "VOLUME /data", "HEALTHCHECK"):
        assert setting in note


def test_an_image_that_cannot_be_had(images: Images) -> None:
    error = refused(images, Cell(id="test-build-mine", image="registry.invalid/a:1"))
    assert "docker login" in error.message
