"""Images of cells: found ready, built, or the user's own."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from docker.errors import ImageNotFound, NotFound
from pydantic import TypeAdapter, ValidationError

from ckptmatrix.atomic import write_atomic
from ckptmatrix.errors import CellError
from ckptmatrix.images.recipe import CELL_LABEL, INPUTS_LABEL, pinned
from ckptmatrix.providers.base import Cancelled, Environment
from ckptmatrix.providers.docker.attach import ENGINE_ERRORS
from ckptmatrix.providers.docker.bases import identity_of, local_image, obtain_image
from ckptmatrix.providers.docker.build import choose_builder
from ckptmatrix.providers.docker.engine import facts_of
from ckptmatrix.providers.docker.labels import OWNER, ROLE, Owner
from ckptmatrix.providers.docker.outline import Outliner
from ckptmatrix.providers.docker.users import find_interpreter, notes_on
from ckptmatrix.providers.failures import cell_error
from ckptmatrix.providers.venv.locks import turned_out
from ckptmatrix.system_errors import FIXES
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from docker import APIClient

    from ckptmatrix.images.recipe import Recipe
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.matrix.model import Build
    from ckptmatrix.providers.docker.build import Builder
    from ckptmatrix.providers.docker.outline import Outline

__all__ = ["Images"]

#: Where a Debian suite's image keeps the list of what it has.
PACKAGES = "/opt/cell/packages.txt"
_PACKAGES = TypeAdapter(tuple[str, ...])

_BASE_ADVICE = (
    "load it there (docker load), make it (images/make-bases makes Debian's, and a Python), name "
    "another with build.base, or take --provider venv"
)
_IMAGE_ADVICE = "correct the name, log in to its registry (docker login), or load it (docker load)"


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """An image to be built, and when it was begun."""

    outline: Outline
    recipe: Recipe
    start: float


class Images:
    """Makes the images of cells in an engine, or finds them ready.

    Args:
        api: The engine.
        cache_dir: Where locks are kept; made when needed.
        build: The matrix's settings.
        environ: The user's environment variables.
        builder: Builds; chosen by what this machine has when None.
        update_locks: Whether locks are made anew, once each.

    Raises:
        UsageError: A settings file of pip cannot be read.
    """

    def __init__(
        self,
        *,
        api: APIClient,
        cache_dir: Path,
        build: Build,
        environ: Mapping[str, str],
        builder: Builder | None = None,
        update_locks: bool = False,
    ) -> None:
        self._api = api
        self._outliner = Outliner(
            cache_dir=cache_dir, build=build, environ=environ, update_locks=update_locks
        )
        self._cache = cache_dir.absolute() / "docker"
        self._memory = self._cache / "packages"
        self._environ = dict(environ)
        self._builder = builder
        self._platform = ""

    def make(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        """Make one cell's image, or find it ready.

        Args:
            cell: The declared cell.
            cancel: Set when the user gave up.
            progress: Called with short phrases.

        Returns:
            The environment; its ``location`` is the image's id.

        Raises:
            CellError: There is no image to be had.
            Cancelled: ``cancel`` was set.
        """
        answer = self.make_all([cell], cancel=cancel, progress=lambda _, phrase: progress(phrase))
        outcome = answer[cell.id]
        if isinstance(outcome, CellError):
            raise outcome
        return outcome

    def make_all(
        self,
        cells: Sequence[Cell],
        *,
        cancel: threading.Event,
        progress: Callable[[str, str], None],
    ) -> dict[str, Environment | CellError]:
        """Make several cells' images, those that have to be built at the same time.

        Args:
            cells: With different ids.
            cancel: Set when the user gave up.
            progress: Called with a cell's id and a short phrase.

        Returns:
            Cell id → its environment, or why there is none.

        Raises:
            Cancelled: ``cancel`` was set.
        """
        answers: dict[str, Environment | CellError] = {}
        building: dict[str, _Pending] = {}
        for cell in cells:
            if cancel.is_set():
                raise Cancelled
            found = self._find(cell, cancel, partial(progress, cell.id))
            if isinstance(found, _Pending):
                building[cell.id] = found
            else:
                answers[cell.id] = found
        if building:
            answers |= self._build(building, cancel, progress)
        return {cell.id: answers[cell.id] for cell in cells}

    def remove(self, environment: Environment) -> None:
        """Remove an image that was built here; silent when it is gone already, or not ours."""
        image = local_image(self._api, environment.location)
        if image is None or CELL_LABEL not in _labels(image):
            return
        try:
            self._api.remove_image(environment.location, force=True)
        except (ImageNotFound, NotFound):
            return

    def _build(
        self,
        building: Mapping[str, _Pending],
        cancel: threading.Event,
        progress: Callable[[str, str], None],
    ) -> dict[str, Environment | CellError]:
        if self._builder is None:
            self._builder = choose_builder(self._environ)
        recipes = [pending.recipe for pending in building.values()]
        answers: dict[str, Environment | CellError] = {}
        try:
            answers |= self._builder.build(recipes, cancel=cancel, progress=progress)
        except OSError as error:
            return dict.fromkeys(building, _failed(error, self._cache))
        for name, pending in building.items():
            if name in answers:
                continue
            try:
                image = self._api.inspect_image(pending.recipe.tag)  # type: ignore[no-untyped-call]
                answers[name] = self._environment(pending.outline, image, start=pending.start)
            except ENGINE_ERRORS as error:
                answers[name] = _failed(error, self._cache)
        return answers

    def _find(
        self, cell: Cell, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment | CellError | _Pending:
        """The environment when nothing is to be built, else what is, or why nothing can be."""
        try:
            self._refuse_emulation(cell)
            if cell.image is not None:
                return self._users(cell, cell.image, cancel, progress)
            return self._own(cell, cancel, progress)
        except CellError as error:
            return error
        except ENGINE_ERRORS as error:
            return _failed(error, self._cache)

    def _own(
        self, cell: Cell, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment | _Pending:
        start = time.monotonic()
        outline = self._outliner.outline(cell, cancel=cancel, progress=progress)
        base = local_image(self._api, outline.base)
        if base is None:
            # Its base is not needed as long as the image itself is there.
            inputs = outline.recipe().inputs
            labels = [f"{CELL_LABEL}={cell.id}", f"{INPUTS_LABEL}={inputs}"]
            ready = self._api.images(filters={"label": labels})
            if ready:
                newest = max(ready, key=lambda image: image["Created"])
                image = self._api.inspect_image(newest["Id"])  # type: ignore[no-untyped-call]
                return self._environment(outline, image, start=start, reused=True)
        base = obtain_image(
            self._api,
            outline.base,
            cell.platform,
            advice=_BASE_ADVICE,
            cancel=cancel,
            progress=progress,
        )
        identity = identity_of(base)
        recipe = outline.recipe(identity)
        image = local_image(self._api, recipe.tag)
        if image is not None and _labels(image).get(INPUTS_LABEL) == recipe.inputs:
            return self._environment(outline, image, start=start, reused=True)
        wheels = self._outliner.wheels(outline)
        return _Pending(outline=outline, recipe=outline.recipe(identity, wheels), start=start)

    def _users(
        self, cell: Cell, name: str, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        start = time.monotonic()
        image = obtain_image(
            self._api,
            name,
            cell.platform,
            advice=_IMAGE_ADVICE,
            cancel=cancel,
            progress=progress,
        )
        interpreter = find_interpreter(self._api, cell, image, _own_labels())
        return Environment(
            cell=replace(cell, interpreter=interpreter),
            key=_hex(image["Id"]),
            location=image["Id"],
            notes=notes_on(image),
            reused=True,
            seconds=time.monotonic() - start,
        )

    def _environment(
        self, outline: Outline, image: Mapping[str, Any], *, start: float, reused: bool = False
    ) -> Environment:
        cell = outline.cell
        notes: tuple[str, ...] = ()
        if outline.lock is not None:
            packages = pinned(outline.lock.text)
            cell, notes = turned_out(cell, outline.lock, packages)
        else:
            packages = self._listed(image["Id"])
        return Environment(
            cell=cell,
            key=_hex(image["Id"]),
            location=image["Id"],
            packages=packages,
            notes=notes,
            reused=reused,
            seconds=time.monotonic() - start,
        )

    def _listed(self, image: str) -> tuple[str, ...]:
        """What a Debian suite's image says it has, read once."""
        memory = self._memory / f"{_hex(image)}.json"
        try:
            return _PACKAGES.validate_json(memory.read_bytes())
        except (FileNotFoundError, ValidationError):
            pass
        container = self._api.create_container(
            image, command=["-"], labels=_own_labels(), network_disabled=True
        )["Id"]
        try:
            chunks, _ = self._api.get_archive(container, PACKAGES)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                file = archive.extractfile(archive.getmembers()[0])
                text = file.read().decode("utf-8", "replace") if file else ""
        finally:
            self._api.remove_container(container, v=True, force=True)
        packages = tuple(sorted(text.split(), key=str.lower))
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, _PACKAGES.dump_json(packages))
        return packages

    def _refuse_emulation(self, cell: Cell) -> None:
        if not self._platform:
            self._platform = facts_of(self._api).platform
        if cell.platform != self._platform:
            message = (
                f"the cell is for {cell.platform} and the Docker engine is {self._platform}; "
                "an emulated processor would answer for another machine, so take an engine of "
                "that platform"
            )
            raise CellError(Reason.HOST_UNSUPPORTED, message)


def _failed(error: Exception, cache: Path) -> CellError:
    if isinstance(error, OSError) and error.errno in FIXES:
        # What the SDK raises about an engine has no such number: it is this machine's disk.
        return cell_error(Reason.INSTALL_FAILED, "the image could not be made", cache, error)
    text = " ".join(str(getattr(error, "explanation", None) or error).split())
    return CellError(Reason.INSTALL_FAILED, f"the Docker engine failed while making it: {text}")


def _own_labels() -> dict[str, str]:
    """So that ``clean`` finds what a killed process left."""
    return {ROLE: "look", OWNER: Owner.this_process().label}


def _labels(image: Mapping[str, Any]) -> dict[str, str]:
    return (image.get("Config") or {}).get("Labels") or {}


def _hex(image: str) -> str:
    return image.removeprefix("sha256:")
