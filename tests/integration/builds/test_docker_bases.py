"""Bases that do not serve."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.matrix.model import Build
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.words import Reason
from dockers import BASE
from image_builds import CELL, build, own_recipe, refused

if TYPE_CHECKING:
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder

pytestmark = pytest.mark.network


def with_base(api: APIClient, builder: Builder, folder: Path, base: str) -> Images:
    build = Build(base=base)
    return Images(api=api, cache_dir=folder, build=build, environ=os.environ, builder=builder)


def test_a_base_that_cannot_be_had(api: APIClient, builder: Builder, tmp_path: Path) -> None:
    images = with_base(api, builder, tmp_path, "registry.invalid/no/python:{python}")
    error = refused(images, CELL)
    assert error.reason is Reason.INSTALL_FAILED
    assert "registry.invalid/no/python:3.11" in error.message
    for way_out in ("images/make-bases", "build.base", "--provider venv"):
        assert way_out in error.message


def test_a_base_with_another_python(api: APIClient, builder: Builder, tmp_path: Path) -> None:
    images = with_base(api, builder, tmp_path, BASE)
    error = refused(images, replace(CELL, python="3.12"))
    assert error.message.endswith("its Python is another release than the cell's")


def test_a_base_without_a_python(api: APIClient, builder: Builder, tmp_path: Path) -> None:
    recipe = own_recipe("bare", "RUN rm -f /usr/bin/python* /usr/local/bin/python*")
    assert build(builder, recipe) == {}
    error = refused(with_base(api, builder, tmp_path, recipe.tag), CELL)
    assert error.message.endswith("it has no Python")


def test_a_base_whose_python_makes_no_environments(
    api: APIClient, builder: Builder, tmp_path: Path
) -> None:
    recipe = own_recipe("novenv", "RUN rm -r /usr/lib/python3.11/ensurepip")
    assert build(builder, recipe) == {}
    error = refused(with_base(api, builder, tmp_path, recipe.tag), CELL)
    assert "python3-venv" in error.message
