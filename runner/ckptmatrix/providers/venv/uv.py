"""Runs uv, and stops it when the user gives up."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uv

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.providers.venv.failures import explain, tail
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Completed", "Uv"]

#: Seconds between two looks at whether the user gave up.
POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A run of uv that ended by itself.

    Attributes:
        returncode: Its exit status.
        stdout: What it answered.
        stderr: What it said about it.
    """

    returncode: int
    stdout: str
    stderr: str

    def require(self, doing: str) -> Completed:
        """Itself, when it went well.

        Args:
            doing: What failed otherwise, for the message: ``making the environment failed``.

        Raises:
            CellError: It did not go well.
        """
        if self.returncode != 0:
            message = f"{doing}: {explain(self.stderr)}"
            raise CellError(Reason.INSTALL_FAILED, message, tail(self.stderr))
        return self


class Uv:
    """The uv that was installed with us.

    Args:
        environ: The user's environment variables: proxies, uv's own settings, its cache.
        cwd: Where it runs: outside any project, whose settings are not meant for cells.
    """

    def __init__(self, environ: Mapping[str, str], cwd: Path) -> None:
        self._environ = {
            **environ,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }
        self._cwd = cwd

    def run(
        self,
        *arguments: str | Path,
        cancel: threading.Event,
        stdin: str = "",
        environ: Mapping[str, str] | None = None,
        holding: int | None = None,
    ) -> Completed:
        """Run uv to its end, whatever that is.

        Args:
            arguments: Its command line.
            cancel: When set, uv and what it started are killed.
            stdin: What it reads.
            environ: Variables on top of the user's.
            holding: Descriptor of a lock it keeps as long as it runs.

        Raises:
            Cancelled: ``cancel`` was set.
            CellError: There is no uv.
        """
        try:
            program = uv.find_uv_bin()
        except FileNotFoundError as error:
            message = "uv is missing beside ckptmatrix; install it with: python -m pip install uv"
            raise CellError(Reason.INSTALL_FAILED, message) from error
        self._cwd.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin.encode())
            given.seek(0)
            process = subprocess.Popen(  # noqa: S603 - no shell, and the program is our own
                [program, *map(str, arguments)],
                stdin=given,
                stdout=out,
                stderr=err,
                cwd=self._cwd,
                env={**self._environ, **(environ or {})},
                pass_fds=() if holding is None else (holding,),
                start_new_session=True,
            )
            try:
                while process.poll() is None:
                    if cancel.is_set():
                        raise Cancelled
                    time.sleep(POLL_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            out.seek(0)
            err.seek(0)
            return Completed(
                returncode=process.returncode,
                stdout=out.read().decode("utf-8", "replace"),
                stderr=err.read().decode("utf-8", "replace"),
            )
