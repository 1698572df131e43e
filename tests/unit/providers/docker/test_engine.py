from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import EngineError, ExitCode
from ckptmatrix.providers.docker.engine import connect, context_name, has_buildx

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("unix:///no/such/socket", "No such file or directory"),
        ("tcp://127.0.0.1:9", "refused"),
        ("garbage://x", "Invalid bind address"),
    ],
)
def test_an_engine_that_does_not_answer(address: str, why: str) -> None:
    with pytest.raises(EngineError, match=why) as caught:
        connect({"DOCKER_HOST": address})
    assert address in str(caught.value)
    assert "--provider venv" in str(caught.value)
    assert caught.value.exit_code is ExitCode.UNUSABLE


def test_a_context_that_does_not_exist() -> None:
    with pytest.raises(EngineError, match="no Docker context «nowhere»"):
        connect({"DOCKER_CONTEXT": "nowhere"})


def test_an_engine_behind_ssh_needs_one_more_package() -> None:
    with pytest.raises(EngineError, match=r"ckptmatrix\[ssh\]"):
        connect({"DOCKER_HOST": "ssh://nobody@127.0.0.1"})


def test_the_context_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert context_name({}) == "default"
    assert context_name({"DOCKER_CONTEXT": "far"}) == "far"
    assert context_name({"DOCKER_CONTEXT": "far", "DOCKER_HOST": "tcp://x"}) == "default"


def test_no_docker_command_has_no_buildx(tmp_path: Path) -> None:
    assert not has_buildx({"PATH": str(tmp_path)})
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    docker.chmod(0o755)
    assert not has_buildx({"PATH": str(tmp_path)})
    docker.write_text("#!/bin/sh\n[ \"$*\" = 'buildx version' ]\n", encoding="utf-8")
    assert has_buildx({"PATH": str(tmp_path)})
