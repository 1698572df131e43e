from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from ckptmatrix.matrix.wheels import load_facts
from ckptmatrix.shipped import matrices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., Any]

NOBODY = "http://127.0.0.1:9/simple"
WHEEL = "torch-2.6.0-cp313-cp313-manylinux_2_28_x86_64.whl"
PAGE = f'<a href="{WHEEL}">{WHEEL}</a>'.encode()


class _Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index() -> Iterator[str]:
    """A package index on this machine that lists one wheel of torch."""
    with HTTPServer(("127.0.0.1", 0), _Index) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        serving.join()


@pytest.fixture(autouse=True)
def _no_other_index(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "ckptmatrix.commands.wheels.index_of",
        lambda build: None if build == "default" else NOBODY,
    )


def test_what_an_index_lists_is_written_with_its_day(
    command: Command, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index)
    out = tmp_path / "wheels.json"
    said = command("wheels", "refresh", "--out", out)
    assert said.code == 0
    assert "default: releases with wheels: 1 for x86_64" in said.out
    assert "cpu: the index did not answer" in said.out
    table = json.loads(out.read_text(encoding="utf-8"))
    assert table["builds"]["default"] == {"x86_64": {"2.6.0": {"3.13": None}}}
    assert table["dates"]["default"] >= load_facts().dates["default"]
    assert "cpu" not in table["dates"]


def test_without_any_answer_nothing_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", NOBODY)
    before = (matrices() / "data" / "wheels.json").stat().st_mtime_ns
    out = tmp_path / "wheels.json"
    for arguments in ((), ("--out", out)):
        said = command("wheels", "refresh", *arguments)
        assert said.code == 3
        assert said.err == "no index answered; nothing was written\n"
    assert not out.exists()
    assert (matrices() / "data" / "wheels.json").stat().st_mtime_ns == before


def test_an_installed_package_is_not_changed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Path(ckptmatrix.__file__).parent / "_shipped" / "matrices"
    monkeypatch.setattr("ckptmatrix.shipped.matrices", lambda: inside)
    said = command("wheels", "refresh")
    assert said.code == 2
    assert "--out FILE" in said.err


def test_a_folder_that_is_not_there(
    command: Command, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index)
    said = command("wheels", "refresh", "--out", tmp_path / "gone" / "wheels.json")
    assert said.code == 2
    assert "no such file or directory" in said.err
