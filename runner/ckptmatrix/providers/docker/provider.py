"""The provider of containers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import MAX_LINE
from ckptmatrix.providers.docker.attach import ENGINE_ERRORS
from ckptmatrix.providers.docker.run import NoGpu, Start, run_container
from ckptmatrix.providers.docker.sandbox import Bounds, ImageFacts
from ckptmatrix.words import Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docker.api import APIClient

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.base import Environment, Job, JobEnd

__all__ = ["DockerProvider", "ImageMaker"]


class ImageMaker(Protocol):
    """Makes a cell's image, or finds it ready."""

    def make(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        """As :meth:`ckptmatrix.providers.base.Provider.prepare`; ``location`` is the image's id.

        The image's label :data:`ckptmatrix.providers.docker.labels.INTERPRETER` names its Python,
        unless the cell does.
        """
        ...

    def remove(self, environment: Environment) -> None:
        """Remove an image that :meth:`make` made; silent when it is gone already."""
        ...


class DockerProvider:
    """Runs each job in a container of its own that can reach nothing but its own files.

    Nothing is mounted from this machine, so the engine may be another one. Several threads may use
    one provider.

    Args:
        api: The engine.
        images: Who makes images.
        cell_program: What ``run_job`` starts.
        run: Name of the run, for the labels of what it makes.
        bounds: What a container may use beyond the limits of its tasks; the usual when None.
        longest_line: Bytes a line of events may have.
    """

    name = "docker"

    def __init__(
        self,
        *,
        api: APIClient,
        images: ImageMaker,
        cell_program: Path,
        run: str,
        bounds: Bounds | None = None,
        longest_line: int = MAX_LINE,
    ) -> None:
        self._api = api
        self._images = images
        self._cell_program = cell_program
        self._run = run
        self._bounds = bounds or Bounds()
        self._longest_line = longest_line
        self._without_gpu = threading.Event()

    def prepare(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        """See :class:`ckptmatrix.providers.base.Provider`."""
        return self._images.make(cell, cancel=cancel, progress=progress)

    def remove(self, environment: Environment) -> None:
        """See :class:`ckptmatrix.providers.base.Provider`."""
        self._images.remove(environment)

    def run_job(
        self,
        environment: Environment,
        job: Job,
        *,
        on_line: Callable[[bytes], None],
        cancel: threading.Event,
    ) -> JobEnd:
        """See :class:`ckptmatrix.providers.base.Provider`.

        A probe is given the engine's GPUs when there are any, so that it can say what they are; a
        job on ``cuda`` must be given them; any other job is given none.
        """
        image = self._image(environment)

        def once(*, gpu: bool) -> JobEnd:
            start = Start(
                api=self._api,
                image=image,
                interpreter=environment.cell.interpreter,
                program=self._cell_program,
                run=self._run,
                bounds=self._bounds,
                longest_line=self._longest_line,
                gpu=gpu,
            )
            return run_container(start, job, on_line=on_line, cancel=cancel)

        needed = job.manifest.device.startswith("cuda")
        curious = job.manifest.phase is Phase.PROBE and not self._without_gpu.is_set()
        try:
            return once(gpu=needed or curious)
        except NoGpu as error:
            self._without_gpu.set()
            if needed:
                message = (
                    f"the Docker engine has no GPU to give to a job on {job.manifest.device} "
                    f"({error}); install the NVIDIA Container Toolkit there, or leave the device "
                    "out of `devices`"
                )
                raise CellError(Reason.HOST_UNSUPPORTED, message) from error
            return once(gpu=False)

    def _image(self, environment: Environment) -> ImageFacts:
        try:
            found = self._api.inspect_image(environment.location)  # type: ignore[no-untyped-call]
        except ENGINE_ERRORS as error:
            message = (
                f"the image of {environment.cell.id} cannot be used any more ({error}); "
                "run again to make it anew"
            )
            raise CellError(Reason.CELL_LOST, message) from error
        return ImageFacts.of(found)
