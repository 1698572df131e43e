from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
import uv

from ckptmatrix import doctor
from ckptmatrix.doctor import Status
from ckptmatrix.providers.docker.engine import EngineAnswer
from ckptmatrix.providers.venv.uv import Uv

if TYPE_CHECKING:
    from pathlib import Path

SOCKET = "unix:///var/run/docker.sock"


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder)}


def test_an_engine_that_answers_is_named() -> None:
    check = doctor._docker(EngineAnswer(address=SOCKET, version="28.1"))
    assert (check.status, check.detail, check.fix) == (Status.OK, f"28.1 at {SOCKET}", "")


def test_an_engine_that_does_not_answer_has_a_reason_and_a_fix() -> None:
    check = doctor._docker(EngineAnswer(address=SOCKET, problem="Permission denied"))
    assert check.status is Status.MISSING
    assert "Permission denied" in check.detail
    assert "systemctl start docker" in check.fix


@pytest.mark.parametrize(
    ("runtimes", "status"), [(("nvidia", "runc"), Status.OK), (("runc",), Status.MISSING)]
)
def test_the_gpu_runtime_is_looked_for(runtimes: tuple[str, ...], status: Status) -> None:
    check = doctor._gpu_runtime(EngineAnswer(address=SOCKET, version="28", runtimes=runtimes))
    assert check.status is status
    assert bool(check.fix) is (status is Status.MISSING)


def test_every_gpu_is_named(tmp_path: Path) -> None:
    environ = program(tmp_path, "nvidia-smi", "echo 'NVIDIA A, 1.0'; echo 'NVIDIA B, 1.0'")
    check = doctor._gpu(environ)
    assert (check.status, check.detail) == (Status.OK, "NVIDIA A, 1.0; NVIDIA B, 1.0")


@pytest.mark.parametrize("text", ["exit 9", "true"])
def test_a_driver_without_a_gpu_is_no_gpu(tmp_path: Path, text: str) -> None:
    check = doctor._gpu(program(tmp_path, "nvidia-smi", text))
    assert check.status is Status.MISSING
    assert check.fix


def test_a_tool_that_is_not_there_is_missing(tmp_path: Path) -> None:
    check = doctor._buildx({"PATH": str(tmp_path)})
    assert check.status is Status.MISSING
    assert check.fix


def test_a_tool_that_answers_is_named(tmp_path: Path) -> None:
    check = doctor._buildx(program(tmp_path, "docker", 'test "$1" = buildx && echo v0.30'))
    assert (check.status, check.detail) == (Status.OK, "v0.30")


def test_a_folder_that_does_not_exist_yet_has_its_file_systems_room(tmp_path: Path) -> None:
    check = doctor._disk("disk", tmp_path / "not" / "yet")
    assert "GB free" in check.detail


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 62)
    check = doctor._disk("disk", tmp_path)
    assert check.status is Status.WARN
    assert str(tmp_path) in check.fix


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._memory().detail.endswith("GB available")
    monkeypatch.setattr(doctor, "MEMORY_BYTES", 1 << 62)
    assert doctor._memory().status is Status.WARN


def test_without_uv_everything_that_needs_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(uv, "find_uv_bin", missing)
    tool = Uv({}, tmp_path)
    for check in (doctor._uv(tool), doctor._pythons(tool, {}), doctor._default_index(tool, {})):
        assert check.status is Status.MISSING
        assert check.fix == doctor.GET_UV
