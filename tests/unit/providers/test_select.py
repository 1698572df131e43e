from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import EngineError, UsageError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.docker.engine import EngineAnswer, ask_engine
from ckptmatrix.providers.select import choose_provider

if TYPE_CHECKING:
    from collections.abc import Sequence

SOCKET = "unix:///var/run/docker.sock"
ENGINE = EngineAnswer(address=SOCKET, version="28.0")
CELLS = [
    Cell(id="a", python="3.11", torch="2.6.0"),
    Cell(id="b", python="3.11", torch="2.5.0"),
    Cell(id="c", debian="trixie"),
    Cell(id="d", image="registry.example/serve:1"),
]


def test_what_is_asked_for_is_taken_without_asking_anybody() -> None:
    choice = choose_provider("venv", CELLS, environ={}, ask=lambda _environ: pytest.fail("asked"))
    assert choice == ("venv", "venv: asked for")


def test_without_an_engine_auto_says_where_it_looked() -> None:
    choice = choose_provider("auto", CELLS, environ={}, ask=lambda _e: EngineAnswer(address=SOCKET))
    assert choice == ("venv", f"venv: no Docker engine answers at {SOCKET}")


def test_auto_takes_containers_when_the_engine_can_have_every_image() -> None:
    asked: list[str] = []

    def first_missing(_environ: object, names: Sequence[str]) -> str:
        asked.extend(names)
        return ""

    choice = choose_provider(
        "auto",
        CELLS,
        base="mirror.example/python:{python}",
        environ={},
        ask=lambda _environ: ENGINE,
        first_missing=first_missing,
    )
    assert choice == ("docker", f"docker: Docker engine 28.0 at {SOCKET}")
    assert asked == [
        "mirror.example/python:3.11",
        "debian:trixie-slim",
        "registry.example/serve:1",
    ]


def test_an_image_that_is_not_to_be_had_is_the_reason_for_environments() -> None:
    choice = choose_provider(
        "auto",
        CELLS,
        environ={},
        ask=lambda _environ: ENGINE,
        first_missing=lambda _environ, names: f"{names[0]}: no route",
    )
    assert choice.name == "venv"
    assert "python:3.11-slim: no route" in choice.reason


def test_containers_that_are_asked_for_need_an_engine() -> None:
    nobody = EngineAnswer(address=SOCKET, problem="connection refused")
    with pytest.raises(EngineError, match=r"connection refused.*\n.*--provider venv"):
        choose_provider("docker", CELLS, environ={}, ask=lambda _environ: nobody)
    choice = choose_provider("docker", CELLS, environ={}, ask=lambda _environ: ENGINE)
    assert choice.name == "docker"


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="podman"):
        choose_provider("podman", CELLS, environ={}, ask=lambda _environ: pytest.fail("asked"))


@pytest.mark.parametrize(
    "address", ["unix:///no/such/socket", "tcp://127.0.0.1:9", "garbage", "ssh://nobody@127.0.0.1"]
)
def test_an_engine_that_does_not_answer_is_an_answer(address: str) -> None:
    answer = ask_engine({"DOCKER_HOST": address})
    assert not answer.answers
    assert answer.address == address
    assert answer.problem
