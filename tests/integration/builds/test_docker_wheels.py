"""Images for cells of wheels."""

from __future__ import annotations

import hashlib
import time
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.images.recipe import Base, Settings, make_recipe
from ckptmatrix.providers.docker.bases import identity_of, local_image
from ckptmatrix.providers.docker.engine import facts_of
from ckptmatrix.providers.docker.locks import local_wheels
from ckptmatrix.providers.venv.sources import Sources
from ckptmatrix.words import Reason
from dockers import BASE
from image_builds import CELL, build, make, refused, run

if TYPE_CHECKING:
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder
    from ckptmatrix.providers.docker.images import Images

pytestmark = pytest.mark.network


def test_a_cell_is_what_its_lock_says_and_is_found_ready(api: APIClient, images: Images) -> None:
    made = make(images, CELL)
    assert not made.reused
    assert [name.partition("==")[0] for name in made.packages] == ["six"]
    script = "import sys, six; print(sys.prefix, six.__version__)"
    said = run(api, made.location, "/opt/cell/bin/python", "-c", script)
    assert said.split() == ["/opt/cell", made.packages[0].partition("==")[2]]
    # Neither pip nor anything of the build's context is in it.
    listing = "import os, importlib.util as u; print(os.listdir('/opt'), u.find_spec('pip'))"
    assert "pip" not in run(api, made.location, "/opt/cell/bin/python", "-c", listing).split()[0]
    assert run(api, made.location, "/bin/sh", "-c", "ls /opt/context 2>/dev/null || true") == ""
    start = time.monotonic()
    again = make(images, CELL)
    assert time.monotonic() - start < 1
    assert (again.reused, again.key, again.packages) == (True, made.key, made.packages)
    images.remove(made)
    images.remove(made)
    assert local_image(api, made.location) is None


def tiny_wheel(folder: Path, version: str) -> Path:
    path = folder / f"ckptmatrix_tiny-{version}-py3-none-any.whl"
    info = f"ckptmatrix_tiny-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("ckptmatrix_tiny.py", f"version = {version!r}\n")
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: ckptmatrix-tiny\nVersion: {version}\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_wheels_of_a_folder_and_certificates_go_along(
    api: APIClient, builder: Builder, tmp_path: Path
) -> None:
    tiny_wheel(tmp_path, "2.0")
    wanted = tiny_wheel(tmp_path, "1.0")
    bundle = tmp_path / "company.pem"
    bundle.write_text("# no certificate is needed: no index is asked\n", encoding="utf-8")
    lock = f"ckptmatrix-tiny==1.0 --hash=sha256:{hashlib.sha256(wanted.read_bytes()).hexdigest()}\n"
    wheels = local_wheels(CELL, lock, Sources(find_links=(str(tmp_path),)))
    assert wheels == {wanted.name: wanted}
    base = Base(name=BASE, identity=identity_of(local_image(api, BASE) or {}))
    settings = Settings(no_index=True, ca_bundle=bundle)
    recipe = make_recipe(CELL, settings, base, lock=lock, wheels=wheels)
    errors = build(builder, recipe)
    assert errors == {}, [error.log_tail for error in errors.values()]
    script = "import ckptmatrix_tiny as t; print(t.version)"
    assert run(api, recipe.tag, "/opt/cell/bin/python", "-c", script) == "1.0\n"
    config = api.inspect_image(recipe.tag)["Config"]  # type: ignore[no-untyped-call]
    assert not [text for text in config["Env"] if "PIP_" in text or "SSL" in text]
    search = "find / -xdev -name company.pem -o -xdev -name ca.pem -o -xdev -name '*tiny*.whl'"
    assert run(api, recipe.tag, "/bin/sh", "-c", search) == ""


def test_a_download_that_is_not_the_locks_is_refused(builder: Builder, tmp_path: Path) -> None:
    wheel = tiny_wheel(tmp_path, "1.0")
    base = Base(name=BASE, identity="")
    lock = f"ckptmatrix-tiny==1.0 --hash=sha256:{'0' * 64}\n"
    recipe = make_recipe(CELL, Settings(no_index=True), base, lock=lock, wheels={wheel.name: wheel})
    error = build(builder, recipe)[CELL.id]
    assert "not what the lock says" in error.message
    assert "DO NOT MATCH" in error.log_tail


def test_a_package_that_does_not_exist(images: Images) -> None:
    error = refused(images, replace(CELL, packages=("ckptmatrix-no-such-package==1.0",)))
    assert error.reason is Reason.INSTALL_FAILED
    assert "ckptmatrix-no-such-package" in error.message


def test_another_platform_is_refused(api: APIClient, images: Images) -> None:
    other = "linux/arm64" if facts_of(api).platform == "linux/amd64" else "linux/amd64"
    error = refused(images, replace(CELL, platform=other))
    assert error.reason is Reason.HOST_UNSUPPORTED
    assert other in error.message
