"""An engine over TCP, which can be cut off."""

from __future__ import annotations

import os
import select
import socket
import socketserver
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import docker
import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.docker.labels import RUN
from ckptmatrix.words import Reason
from dockers import HANGS, Bench, ours

if TYPE_CHECKING:
    from collections.abc import Iterator


class Forward(socketserver.StreamRequestHandler):
    """Passes bytes between a client and the engine."""

    engine: ClassVar[str]
    cut: ClassVar[threading.Event]

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.engine)
            back = threading.Thread(target=self.pass_on, args=(engine, self.request), daemon=True)
            back.start()
            self.pass_on(self.request, engine)
            back.join()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while not self.cut.is_set():
                if select.select([source], [], [], 0.1)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        break
                    target.sendall(data)
            how = socket.SHUT_RDWR if self.cut.is_set() else socket.SHUT_WR
            target.shutdown(how)
            source.shutdown(socket.SHUT_RDWR if self.cut.is_set() else socket.SHUT_RD)


@pytest.fixture
def far(bench: Bench) -> Iterator[tuple[Bench, threading.Event]]:
    """The same engine over TCP, and what cuts it off."""
    where = "/var/run/docker.sock"
    if os.environ.get("DOCKER_HOST") or not Path(where).is_socket():
        pytest.skip("the engine is not at its usual socket")
    cut = threading.Event()
    handler = type("Handler", (Forward,), {"engine": where, "cut": cut})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = docker.APIClient(f"tcp://127.0.0.1:{server.server_address[1]}", version="auto")
        yield Bench(api=api, folder=bench.folder, run_name=bench.run_name), cut
        api.close()
        server.shutdown()


def test_an_engine_far_away_works_the_same(
    far: tuple[Bench, threading.Event], tmp_path: Path
) -> None:
    bench, _ = far
    file = tmp_path / "file"
    file.write_bytes(b"x" * 5_000_000)
    ran = bench.run(
        """
        say(os.path.getsize(INPUT + "/file"))
        open(OUTPUT + "/big", "wb").write(b"y" * 5_000_000)
        """,
        inputs={"file": file},
    )
    assert ran.said == [5_000_000]
    assert (ran.output / "big").stat().st_size == 5_000_000


def test_an_engine_that_goes_away_is_one_sentence(
    bench: Bench, far: tuple[Bench, threading.Event]
) -> None:
    away, cut = far
    with pytest.raises(CellError) as caught:
        away.run(HANGS, on_line=lambda _line: cut.set())
    assert caught.value.reason is Reason.CELL_LOST
    assert "Docker engine" in caught.value.message
    until = time.monotonic() + 10
    while any(each["State"] == "running" for each in ours(bench)) and time.monotonic() < until:
        time.sleep(0.05)
    assert [each["State"] for each in ours(bench)] == ["exited"]
    for each in ours(bench):
        bench.api.remove_container(each["Id"], v=True)
    for each in bench.api.volumes(filters={"label": f"{RUN}={bench.run_name}"})["Volumes"]:
        bench.api.remove_volume(each["Name"])
