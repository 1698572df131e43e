from __future__ import annotations

import pytest

from ckptmatrix.errors import UsageError
from ckptmatrix.providers.docker.engine import EngineAnswer, ask_engine
from ckptmatrix.providers.select import choose_provider

SOCKET = "unix:///var/run/docker.sock"


def test_what_is_asked_for_is_taken_without_asking_anybody() -> None:
    choice = choose_provider("venv", environ={}, ask=lambda _environ: pytest.fail("asked"))
    assert choice == ("venv", "venv: asked for")


def test_without_an_engine_auto_says_where_it_looked() -> None:
    choice = choose_provider("auto", environ={}, ask=lambda _e: EngineAnswer(address=SOCKET))
    assert choice == ("venv", f"venv: no Docker engine answers at {SOCKET}")


def test_with_an_engine_auto_says_why_it_is_not_used() -> None:
    answer = EngineAnswer(address=SOCKET, version="28.0")
    choice = choose_provider("auto", environ={}, ask=lambda _environ: answer)
    assert choice.name == "venv"
    assert "no containers yet" in choice.reason


@pytest.mark.parametrize("asked", ["docker", "podman"])
def test_what_is_not_there_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match=asked):
        choose_provider(asked, environ={}, ask=lambda _environ: pytest.fail("asked"))


@pytest.mark.parametrize(
    "address", ["unix:///no/such/socket", "tcp://127.0.0.1:9", "garbage", "ssh://nobody@127.0.0.1"]
)
def test_an_engine_that_does_not_answer_is_an_answer(address: str) -> None:
    answer = ask_engine({"DOCKER_HOST": address})
    assert not answer.answers
    assert answer.address == address
    assert answer.problem
