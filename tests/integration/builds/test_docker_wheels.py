"""Images built for real, with BuildKit and with the classic builder."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.images.recipe import CELL_LABEL, STAGE_LABEL, Base, Recipe, Settings, make_recipe
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.matrix.model import Build
from ckptmatrix.providers.base import Cancelled, Environment
from ckptmatrix.providers.docker.bake import BakeBuilder
from ckptmatrix.providers.docker.bases import identity_of, local_image
from ckptmatrix.providers.docker.classic import ClassicBuilder
from ckptmatrix.providers.docker.engine import facts_of, has_buildx
from ckptmatrix.providers.docker.images import Images
from ckptmatrix.providers.docker.labels import RUN
from ckptmatrix.providers.docker.locks import local_wheels
from ckptmatrix.providers.docker.prune import prune_images
from ckptmatrix.providers.venv.sources import Sources
from ckptmatrix.words import Reason
from dockers import BASE, engine_or_skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.providers.docker.build import Builder

pytestmark = pytest.mark.network

CELL = Cell(id="test-build", python="3.11", cuda="cpu", packages=("six",))
#: Not a cell of anyone's matrix; what these tests leave behind is found by it.
PREFIX = "test-build"


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


# --- the builders --------------------------------------------------------------------------------


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


# --- cells of wheels -----------------------------------------------------------------------------


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


# --- bases that do not serve ---------------------------------------------------------------------


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


# --- a user's own image --------------------------------------------------------------------------


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


def test_another_platform_is_refused(api: APIClient, images: Images) -> None:
    other = "linux/arm64" if facts_of(api).platform == "linux/amd64" else "linux/amd64"
    error = refused(images, replace(CELL, platform=other))
    assert error.reason is Reason.HOST_UNSUPPORTED
    assert other in error.message


# --- pruning -------------------------------------------------------------------------------------


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
