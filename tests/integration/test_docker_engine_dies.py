"""An engine that goes away in the middle of a job."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.docker.engine import connect
from ckptmatrix.providers.docker.labels import RUN
from ckptmatrix.words import Reason
from dockers import Bench, Traces, engine_or_skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.api import APIClient

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
RUN_NAME = f"dies-{os.getpid()}"


class Middleman:
    """Passes everything on to an engine, until it dies."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.address = folder / "engine.sock"
        self._engine = engine
        self._open: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.address))
        self._listening.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def die(self) -> None:
        """Every connection breaks, and there is no new one."""
        self.address.unlink(missing_ok=True)
        # A connection that was just accepted may come to the list only now.
        while any(thread.is_alive() for thread in tuple(self._threads)):
            for each in (self._listening, *self._open):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in tuple(self._threads):
                thread.join(0.1)
        for each in (self._listening, *self._open):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect(self._engine)
                self._open += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    thread = threading.Thread(target=_pass_on, args=pair, daemon=True)
                    thread.start()
                    self._threads.append(thread)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def api() -> Iterator[APIClient]:
    """The engine itself; nothing of these tests' jobs is left in it."""
    api = engine_or_skip()
    if not Path(SOCKET).is_socket():
        pytest.skip("the engine is not behind a socket of this machine")
    before = Traces.of(api)
    yield api
    # What a dead engine keeps is for `clean` to remove: here, what carries this run's label.
    mine = {"label": f"{RUN}={RUN_NAME}"}
    for container in api.containers(all=True, filters=mine):
        api.remove_container(container["Id"], v=True, force=True)
    for volume in api.volumes(filters=mine)["Volumes"] or ():
        api.remove_volume(volume["Name"], force=True)
    assert Traces.of(api) == before
    api.close()


def job_with_a_dying_engine(folder: Path, afterwards: str) -> tuple[Reason, str]:
    """Why the job failed; nothing else of it is kept."""
    # Not in the test's own folder: the address of a socket may have 107 bytes.
    near = Path(tempfile.mkdtemp())
    middleman = Middleman(SOCKET, near)
    through = connect({"DOCKER_HOST": f"unix://{middleman.address}"})
    bench = Bench(api=through, folder=folder, run_name=RUN_NAME)
    script = f"""
        import signal, time
        say("begun")
        {afterwards}
    """
    try:
        bench.run(script, on_line=lambda _: middleman.die())
    except CellError as error:
        return error.reason, error.message
    finally:
        middleman.die()
        through.close()
        shutil.rmtree(near)
    pytest.fail("the job did not fail")


# The SDK leaves its socket open when it cannot connect (docker 7.1, UnixHTTPConnection.connect).
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("afterwards", ["signal.pause()", "time.sleep(0.5)"])
@pytest.mark.usefixtures("api")
def test_an_engine_that_dies_under_a_job_is_a_lost_cell(tmp_path: Path, afterwards: str) -> None:
    reason, message = job_with_a_dying_engine(tmp_path, afterwards)
    gc.collect()
    assert reason is Reason.CELL_LOST
    assert "engine" in message
