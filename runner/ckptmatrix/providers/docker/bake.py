"""Builds with BuildKit: ``docker buildx bake``, all cells at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ckptmatrix.images.bakefile import bake_file
from ckptmatrix.images.context import write_folder
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.providers.docker.engine import context_name
from ckptmatrix.providers.docker.failures import build_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ckptmatrix.errors import CellError
    from ckptmatrix.images.recipe import Recipe

__all__ = ["BakeBuilder", "BakeLog"]

#: Seconds between two looks at whether the user gave up.
POLL_S = 0.05
#: Lines kept of one step of a build.
STEP_LINES = 200

_HEADER = re.compile(r"#\d+ \[([^\]]+)\] ")
_STEP = re.compile(r"(\d+)/(\d+)")
_LINE = re.compile(r"#(\d+) (?:\d+\.\d+ )?(.*)")
_TARGET = re.compile(r"ERROR: target (\S+?): (.*)")


class BakeLog:
    """Understands what bake prints with ``--progress=plain``.

    Args:
        targets: Names of what is built.
        progress: Called with a target and a short phrase.
    """

    def __init__(self, targets: Sequence[str], progress: Callable[[str, str], None]) -> None:
        self._targets = frozenset(targets)
        self._only = targets[0] if len(targets) == 1 else None
        self._progress = progress
        self._owner: dict[str, str] = {}
        self._steps: dict[str, deque[str]] = {}
        self._rest: deque[str] = deque(maxlen=STEP_LINES)
        self._failed: dict[str, str] = {}

    def feed(self, line: str) -> None:
        """Take a line, without its end."""
        if match := _TARGET.match(line):
            self._rest.append(line)
            if match[1] in self._targets:
                self._failed.setdefault(match[1], "")
            return
        match = _LINE.match(line)
        if match is None:
            self._rest.append(line)
            return
        step, text = match[1], match[2]
        self._note_owner(step, line)
        self._steps.setdefault(step, deque(maxlen=STEP_LINES)).append(text)
        owner = self._owner.get(step)
        if text.startswith("ERROR: ") and owner is not None:
            self._failed[owner] = step

    @property
    def failed(self) -> frozenset[str]:
        """Targets that are known to have failed by themselves."""
        return frozenset(self._failed)

    def of(self, target: str) -> str:
        """What was said about a target's failure, or everything when that is not known."""
        step = self._failed.get(target)
        return "\n".join(self._steps[step] if step else self._rest)

    def _note_owner(self, step: str, line: str) -> None:
        match = _HEADER.match(line)
        if match is None:
            return
        # Bake leaves the target's name out when there is only one.
        words = match[1].split()
        name = words[0] if words[0] in self._targets else self._only
        if name is None:
            return
        self._owner.setdefault(step, name)
        if place := _STEP.fullmatch(words[-1]):
            self._progress(name, f"building, step {place[1]} of {place[2]}")


class BakeBuilder:
    """Runs ``docker buildx bake`` with a file of one target a cell.

    Args:
        environ: Environment variables of the ``docker`` command.
    """

    name = "bake"

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
        left = {recipe.target: recipe for recipe in recipes}
        while left:
            failed = self._bake(list(left.values()), cancel, progress)
            if failed is None:
                return errors
            # Bake stops every target at the first that fails: what it named is left out, and the
            # rest is tried again, which costs little because finished steps are kept.
            named = failed.failed or (frozenset(left) if len(left) == 1 else frozenset())
            for target in named:
                recipe = left.pop(target)
                errors[recipe.cell] = build_failed(recipe, failed.of(target))
            if not named:
                for recipe in left.values():
                    errors |= self.build([recipe], cancel=cancel, progress=progress)
                return errors
        return errors

    def _bake(
        self,
        recipes: Sequence[Recipe],
        cancel: threading.Event,
        progress: Callable[[str, str], None],
    ) -> BakeLog | None:
        """One run; its log when it failed."""
        cells = {recipe.target: recipe.cell for recipe in recipes}
        log = BakeLog(list(cells), lambda target, phrase: progress(cells[target], phrase))
        with tempfile.TemporaryDirectory(prefix="ckptmatrix-build-") as name:
            folder = Path(name)
            for recipe in recipes:
                write_folder(recipe.files, folder / recipe.target)
            (folder / "bake.json").write_text(json.dumps(bake_file(recipes)), encoding="utf-8")
            code = self._run(folder, log, cancel)
        return log if code else None

    def _run(self, folder: Path, log: BakeLog, cancel: threading.Event) -> int:
        process = subprocess.Popen(
            ["docker", "buildx", "bake", "--file=bake.json", "--progress=plain"],  # noqa: S607 - the user's own command
            cwd=folder,
            env={
                **self._environ,
                # The engine's own builder, whatever the user's favourite is: only that one knows
                # images that are in no registry.
                "BUILDX_BUILDER": context_name(self._environ),
                "BUILDX_CONFIG": str(folder / "buildx"),
                "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe, which the type cannot say
        reader = threading.Thread(target=_read, args=(process.stdout, log), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                if cancel.wait(POLL_S):
                    raise Cancelled
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            reader.join()
        return process.returncode


def _read(stream: IO[str], log: BakeLog) -> None:
    with stream:
        for line in stream:
            log.feed(line.rstrip("\n"))
