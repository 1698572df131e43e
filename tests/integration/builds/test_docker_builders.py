"""The builders: what they build, what fails in them, and how they give up."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.images.recipe import STAGE_LABEL, Base, Settings, make_recipe
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.providers.docker.bases import identity_of, local_image
from ckptmatrix.providers.docker.classic import ClassicBuilder
from ckptmatrix.words import Reason
from dockers import BASE
from image_builds import CELL, build, own_recipe, read

if TYPE_CHECKING:
    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder

pytestmark = pytest.mark.network


def test_what_is_built_has_its_tag_and_its_files(api: APIClient, builder: Builder) -> None:
    recipe = own_recipe("files", "COPY . /given/", **{"a.txt": b"hello"})
    said: list[tuple[str, str]] = []
    assert build(builder, recipe, progress=lambda *words: said.append(words)) == {}
    assert read(api, recipe.tag, "/given/a.txt") == "hello"
    assert {cell for cell, _ in said} == {recipe.cell}
    assert any(phrase.startswith("building, step ") for _, phrase in said)


def test_one_that_fails_does_not_stop_the_others(api: APIClient, builder: Builder) -> None:
    good = own_recipe("good", "RUN sleep 2; echo fine > /good")
    bad = own_recipe("bad", "RUN echo the reason is here; exit 7")
    worse = own_recipe("worse", "RUN sleep 1; echo another reason; exit 8")
    errors = build(builder, bad, good, worse)
    assert set(errors) == {bad.cell, worse.cell}
    assert errors[bad.cell].reason is Reason.INSTALL_FAILED
    assert "the reason is here" in errors[bad.cell].log_tail
    assert "another reason" in errors[worse.cell].log_tail
    assert "another reason" not in errors[bad.cell].log_tail
    assert read(api, good.tag, "/good") == "fine\n"
    assert local_image(api, bad.tag) is None


def test_a_build_ends_when_the_user_gives_up(api: APIClient, builder: Builder) -> None:
    recipe = own_recipe("slow", "RUN sleep 100")
    cancel = threading.Event()
    threading.Timer(3.0, cancel.set).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        builder.build([recipe], cancel=cancel, progress=lambda _cell, _phrase: None)
    assert time.monotonic() - start < 10
    assert local_image(api, recipe.tag) is None
    until = time.monotonic() + 15
    while time.monotonic() < until and api.containers(filters={"ancestor": BASE}):
        time.sleep(0.2)
    assert not [c for c in api.containers() if "sleep 100" in c["Command"]]


def test_nothing_is_built_when_the_user_has_given_up(api: APIClient, builder: Builder) -> None:
    recipe = own_recipe("never", "RUN true", big=b"x" * 50_000_000)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        builder.build([recipe], cancel=cancel, progress=lambda _cell, _phrase: None)
    assert local_image(api, recipe.tag) is None


def test_the_classic_builder_leaves_no_stage(api: APIClient) -> None:
    base = Base(name=BASE, identity=identity_of(local_image(api, BASE) or {}))
    builder = ClassicBuilder(os.environ)
    missing = make_recipe(
        CELL, Settings(no_index=True), base, lock="six==1.17.0 --hash=sha256:00\n"
    )
    errors = build(builder, missing)
    assert CELL.id in errors
    assert not api.images(filters={"label": f"{STAGE_LABEL}={missing.digest}"})
