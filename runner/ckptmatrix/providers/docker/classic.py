"""Builds with the engine's classic builder, through the SDK: no ``docker`` command is needed."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from ckptmatrix.images.context import write_archive
from ckptmatrix.images.recipe import STAGE_LABEL
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.providers.docker.engine import connect
from ckptmatrix.providers.docker.failures import build_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from docker import APIClient
    from requests import Response

    from ckptmatrix.errors import CellError
    from ckptmatrix.images.recipe import Recipe

__all__ = ["ClassicBuilder"]

CHUNK = 1 << 20
#: Lines kept of a build's log.
LOG_LINES = 400
#: Seconds between two looks at whether the user gave up.
POLL_S = 0.05


class ClassicBuilder:
    """Sends the engine a context and reads what it says, one cell after the other.

    Args:
        environ: Environment variables that name the engine.
    """

    name = "classic"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def build(
        self,
        recipes: Sequence[Recipe],
        *,
        cancel: threading.Event,
        progress: Callable[[str, str], None],
    ) -> dict[str, CellError]:
        """See :class:`ckptmatrix.providers.docker.build.Builder`."""
        errors: dict[str, CellError] = {}
        for recipe in recipes:
            # A connection of its own: a long step says nothing for minutes, and cutting the
            # connection is how a build is stopped.
            client = connect(self._environ, timeout_s=None)
            try:
                error = _Build(client, recipe, progress).run(cancel)
            finally:
                with suppress(DockerException, RequestException):
                    client.prune_images(  # type: ignore[no-untyped-call]
                        filters={"dangling": True, "label": f"{STAGE_LABEL}={recipe.digest}"}
                    )
                client.close()
            if error is not None:
                errors[recipe.cell] = error
        return errors


class _Build:
    """One build, its events read by a thread so that it can be stopped at any time."""

    def __init__(
        self, client: APIClient, recipe: Recipe, progress: Callable[[str, str], None]
    ) -> None:
        self._client = client
        self._recipe = recipe
        self._progress = progress
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._failed = False
        self._response: Response | None = None

    def run(self, cancel: threading.Event) -> CellError | None:
        """Build to the end; the error when it failed."""
        self._client.hooks["response"].append(self._keep)
        reader = threading.Thread(target=self._read, args=(cancel,), daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(POLL_S)
            if cancel.is_set() and self._response is not None:
                # Wakes the reader, which a mere close would not. It may have ended meanwhile.
                with suppress(RuntimeError, ValueError, OSError):
                    self._response.raw.shutdown()
        if cancel.is_set():
            raise Cancelled
        return build_failed(self._recipe, "\n".join(self._log)) if self._failed else None

    def _keep(self, response: Response, *_: object, **__: object) -> None:
        self._response = response

    def _read(self, cancel: threading.Event) -> None:
        recipe = self._recipe
        files = {**recipe.files, "Dockerfile": recipe.dockerfile.encode()}
        try:
            with tempfile.TemporaryFile() as archive:
                write_archive(files, archive)
                archive.seek(0)
                for event in self._client.build(
                    fileobj=_until(archive, cancel),  # type: ignore[arg-type]  # sent as it comes
                    custom_context=True,
                    tag=recipe.tag,
                    platform=recipe.platform,
                    buildargs=dict(recipe.arguments),
                    rm=True,
                    forcerm=True,
                    decode=True,
                ):
                    self._note(event)
        except (Cancelled, DockerException, RequestException, HTTPError, OSError) as error:
            self._failed = True
            explanation = error.explanation if isinstance(error, APIError) else None
            self._log.append(str(explanation or error))

    def _note(self, event: dict[str, Any]) -> None:
        if "error" in event:
            self._failed = True
            self._log.append(str(event["error"]).strip())
            return
        for line in str(event.get("stream", "")).splitlines():
            if line.strip():
                self._log.append(line.rstrip())
            if line.startswith("Step "):
                step, _, total = line[5:].partition(" :")[0].partition("/")
                self._progress(self._recipe.cell, f"building, step {step} of {total}")


def _until(file: IO[bytes], cancel: threading.Event) -> Iterator[bytes]:
    """What is in a file, up to where the user gave up."""
    while chunk := file.read(CHUNK):
        if cancel.is_set():
            raise Cancelled
        yield chunk
