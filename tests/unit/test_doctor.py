from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
import uv

from ckptmatrix import doctor
from ckptmatrix.doctor import Status
from ckptmatrix.providers.docker.engine import EngineAnswer
from ckptmatrix.providers.venv.failures import is_unreachable
from ckptmatrix.providers.venv.sources import Sources
from ckptmatrix.providers.venv.uv import Completed, Uv

if TYPE_CHECKING:
    from pathlib import Path

SOCKET = "unix:///var/run/docker.sock"


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder)}


def test_an_engine_that_answers_is_named() -> None:
    check = doctor._docker(EngineAnswer(address=SOCKET, version="28.1"), {})
    assert (check.status, check.detail, check.fix) == (Status.OK, f"28.1 at {SOCKET}", "")


@pytest.mark.parametrize(
    ("problem", "fix"),
    [("Connection refused", "sudo systemctl start docker"), ("Permission denied", "sudo usermod")],
)
def test_an_engine_that_does_not_answer_has_a_reason_and_a_fix(
    tmp_path: Path, problem: str, fix: str
) -> None:
    environ = program(tmp_path, "docker", "true")
    check = doctor._docker(EngineAnswer(address=SOCKET, problem=problem), environ)
    assert check.status is Status.WARN
    assert problem in check.detail
    assert check.fix.startswith(fix)


def test_a_machine_without_docker_is_told_how_to_get_it(tmp_path: Path) -> None:
    answer = EngineAnswer(address=SOCKET, problem="no such file")
    check = doctor._docker(answer, {"PATH": str(tmp_path)})
    assert check.status is Status.WARN
    assert check.fix.startswith("curl ")


def test_the_gpu_runtime_is_looked_for_where_there_is_a_gpu() -> None:
    ready = EngineAnswer(address=SOCKET, version="28", runtimes=("nvidia", "runc"))
    assert doctor._gpu_runtime(ready, has_gpu=True).status is Status.OK
    plain = EngineAnswer(address=SOCKET, version="28", runtimes=("runc",))
    check = doctor._gpu_runtime(plain, has_gpu=True)
    assert (check.status, check.fix[:15]) == (Status.WARN, "sudo nvidia-ctk")
    check = doctor._gpu_runtime(plain, has_gpu=False)
    assert (check.status, check.fix) == (Status.WARN, "")
    assert "none is needed" in check.detail
    check = doctor._gpu_runtime(EngineAnswer(address=SOCKET, problem="gone"), has_gpu=True)
    assert (check.status, check.fix) == (Status.WARN, "")


def test_every_gpu_is_named(tmp_path: Path) -> None:
    environ = program(tmp_path, "nvidia-smi", "echo 'NVIDIA A, 1.0'; echo 'NVIDIA B, 1.0'")
    check = doctor._gpu(environ)
    assert (check.status, check.detail) == (Status.OK, "NVIDIA A, 1.0; NVIDIA B, 1.0")


@pytest.fixture
def pci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's PCI bus, with a processor's own display controller on it."""
    bus = tmp_path / "pci"
    monkeypatch.setattr(doctor, "_PCI", bus)
    plug(bus, "0000:00:02.0", vendor="0x8086", kind="0x030000")
    return bus


def plug(bus: Path, name: str, *, vendor: str, kind: str) -> None:
    (bus / name).mkdir(parents=True)
    (bus / name / "vendor").write_text(vendor + "\n")
    (bus / name / "class").write_text(kind + "\n")


@pytest.mark.usefixtures("pci")
@pytest.mark.parametrize("text", ["exit 9", "true"])
def test_no_gpu_is_said_without_alarm(tmp_path: Path, text: str) -> None:
    check = doctor._gpu(program(tmp_path, "nvidia-smi", text))
    assert (check.status, check.fix) == (Status.WARN, "")
    assert "everything else runs" in check.detail


def test_a_gpu_without_its_driver_is_told_apart(tmp_path: Path, pci: Path) -> None:
    plug(pci, "0000:01:00.1", vendor="0x10de", kind="0x040300")  # a GPU's sound
    assert doctor._gpu({"PATH": str(tmp_path)}).fix == ""
    plug(pci, "0000:01:00.0", vendor="0x10de", kind="0x030200")
    check = doctor._gpu({"PATH": str(tmp_path)})
    assert check.status is Status.WARN
    assert "driver" in check.detail
    assert check.fix.startswith("sudo ")


def test_a_tool_that_is_not_there_is_no_obstacle(tmp_path: Path) -> None:
    check = doctor._buildx({"PATH": str(tmp_path)})
    assert check.status is Status.WARN
    assert check.fix


def test_a_tool_that_answers_is_named(tmp_path: Path) -> None:
    check = doctor._buildx(program(tmp_path, "docker", 'test "$1" = buildx && echo v0.30'))
    assert (check.status, check.detail) == (Status.OK, "v0.30")


def test_a_folder_that_does_not_exist_yet_has_its_file_systems_room(tmp_path: Path) -> None:
    check = doctor._disk("disk", tmp_path / "not" / "yet", "")
    assert "GB free" in check.detail


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 62)
    check = doctor._disk("disk", tmp_path, "")
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
    silent = EngineAnswer(address=SOCKET, problem="none")
    for check in (
        doctor._uv(tool),
        doctor._pythons(tool, {}, silent),
        doctor._default_index(tool, Sources()),
    ):
        assert check.status is Status.MISSING
        assert check.fix == doctor.GET_UV
    assert doctor._pytorch_index(tool, Sources()).status is Status.WARN


@pytest.mark.parametrize(
    ("engine", "status"),
    [
        (EngineAnswer(address=SOCKET, problem="none"), Status.MISSING),
        (EngineAnswer(address=SOCKET, version="28"), Status.WARN),
    ],
)
def test_a_machine_without_pythons_needs_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineAnswer, status: Status
) -> None:
    monkeypatch.setattr(doctor, "list_interpreters", lambda *_: [])
    check = doctor._pythons(Uv({}, tmp_path), {}, engine)
    assert check.status is status
    assert check.fix.endswith("-m uv python install")


def test_an_index_that_may_not_be_asked_is_not(tmp_path: Path) -> None:
    tool = Uv({}, tmp_path)
    local = Sources(no_index=True, find_links=("/wheels",))
    assert doctor._default_index(tool, local).status is Status.OK
    assert doctor._pytorch_index(tool, local).status is Status.WARN
    assert doctor._default_index(tool, Sources(no_index=True)).status is Status.MISSING


def test_no_room_at_all_and_no_folder_are_obstacles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    check = doctor._disk("disk", tmp_path / "file" / "cache", "export CKPTMATRIX_CACHE=…")
    assert (check.status, check.fix) == (Status.MISSING, "export CKPTMATRIX_CACHE=…")
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 62)
    monkeypatch.setattr(doctor, "LEAST_BYTES", 1 << 61)
    assert doctor._disk("disk", tmp_path, "").status is Status.MISSING


def test_a_machine_that_lacks_only_what_not_every_run_needs_has_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = EngineAnswer(address=SOCKET, problem="no such file")
    monkeypatch.setattr(doctor, "ask_engine", lambda _: nowhere)
    answers = Completed(returncode=0, stdout="", stderr="")
    refuses = Completed(returncode=2, stdout="", stderr="error: Failed to fetch: `https://x`\n")
    monkeypatch.setattr(
        doctor, "_ask", lambda _uv, _sources, name: answers if name == "six" else refuses
    )
    checks = doctor.diagnose_host(
        cache_dir=tmp_path, reports=tmp_path, environ={"PATH": str(tmp_path), "HOME": str(tmp_path)}
    )
    missing = {check.name for check in checks if check.status is Status.MISSING}
    # The only Pythons this PATH leads to are none.
    assert missing <= {"Pythons"}
    assert {check.name for check in checks if check.status is Status.WARN} >= {
        *("PyTorch index", "Docker engine", "buildx", "NVIDIA GPU", "NVIDIA runtime of Docker"),
    }


def test_the_pytorch_index_is_asked_with_pips_certificates(tmp_path: Path) -> None:
    absent = str(tmp_path / "no-such.pem")
    sources = Sources(ca_bundle=absent).alone("https://127.0.0.1:9/whl/cpu")
    assert sources.environment() == {"SSL_CERT_FILE": absent}
    answer = doctor._ask(Uv({"PATH": "/usr/bin"}, tmp_path), sources, "filelock")
    assert is_unreachable(answer.stderr)
