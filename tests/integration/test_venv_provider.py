"""Makes real environments, of the package index and pip's settings that hold on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import uv

from ckptmatrix.doctor import diagnose_host
from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.base import Cancelled, Environment, Job
from ckptmatrix.providers.venv.indexes import find_sources
from ckptmatrix.providers.venv.locks import Lock, Request, read_lock, resolve, write_lock
from ckptmatrix.providers.venv.provider import VenvProvider
from ckptmatrix.providers.venv.uv import Uv
from ckptmatrix.wire import Manifest
from ckptmatrix.words import Phase, Reason

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
NOWHERE = "http://127.0.0.1:9/whl/cpu"
TINY = Cell(id="tiny", python=HERE, packages=("six",))
TORCH = Cell(id="py3.11-torch2.13.0-default", python="3.11", torch="2.13.0")

#: Says what it is made of.
PROGRAM = """
import json, sys
sys.stdin.readline()
import numpy, torch
print(json.dumps({"torch": torch.__version__, "numpy": numpy.__version__, "prefix": sys.prefix,
                  "sum": float(torch.arange(4).sum())}))
"""
#: Another user of the cache: makes an environment and says whether it was there.
MAKER = """
import os, sys, threading
from pathlib import Path
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.venv.provider import VenvProvider
cache, python, die = sys.argv[1:]

def progress(phrase):
    print(phrase, flush=True)
    if phrase.startswith(die):
        os.kill(os.getpid(), 9)

provider = VenvProvider(cache_dir=Path(cache), cell_program=Path("unused"))
cell = Cell(id="tiny", python=python, packages=("six",))
made = provider.prepare(cell, cancel=threading.Event(), progress=progress)
print(made.reused, made.key)
"""


def provider(cache: Path, **options: object) -> VenvProvider:
    return VenvProvider(cache_dir=cache, cell_program=cache / "program.py", **options)  # type: ignore[arg-type]


def prepare(of: VenvProvider, cell: Cell, said: list[str] | None = None) -> Environment:
    return of.prepare(
        cell, cancel=threading.Event(), progress=(said if said is not None else []).append
    )


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find_uv_bin", lambda: pytest.fail("uv was started"))


@pytest.fixture
def tiny(tmp_path: Path) -> Environment:
    return prepare(provider(tmp_path), TINY)


def test_a_cell_with_torch_is_made_and_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "out").mkdir()
    made = provider(tmp_path)
    environment = prepare(made, TORCH)
    lines: list[bytes] = []
    job = Job(
        id="j",
        manifest=Manifest(phase=Phase.PROBE),
        output=tmp_path / "out",
        deadline_s=300,
    )
    end = made.run_job(environment, job, on_line=lines.append, cancel=threading.Event())
    assert end.exit_code == 0, end.tail
    told = json.loads(lines[0])
    assert told["torch"].split("+")[0] == "2.13.0"
    assert told["sum"] == 6.0
    assert told["prefix"] == environment.location
    assert f"numpy=={told['numpy']}" in environment.packages


def test_what_is_ready_is_found_without_starting_uv(
    tmp_path: Path, tiny: Environment, no_uv: None
) -> None:
    assert no_uv is None
    again = prepare(provider(tmp_path), TINY)
    assert again.reused
    assert (again.key, again.location) == (tiny.key, tiny.location)
    assert again.packages == tiny.packages
    assert again.seconds < 0.5


def test_another_name_for_the_same_thing_is_the_same_environment(
    tmp_path: Path, tiny: Environment
) -> None:
    other = prepare(provider(tmp_path), replace(TINY, id="other"))
    assert other.key == tiny.key
    assert other.reused


def test_what_was_removed_is_made_of_its_lock(tmp_path: Path, tiny: Environment) -> None:
    same = provider(tmp_path)
    same.remove(tiny)
    said: list[str] = []
    again = prepare(same, TINY, said)
    assert not again.reused
    assert again.key == tiny.key
    assert [phrase.split()[0] for phrase in said] == ["installing"]


def test_a_lock_decides_until_it_is_updated(tmp_path: Path, tiny: Environment) -> None:
    lock = next((tmp_path / "locks").glob("*.txt"))
    kept = read_lock(lock)
    assert kept is not None
    write_lock(lock, replace(kept, text=f"{kept.text}# another resolution\n"))
    assert prepare(provider(tmp_path), TINY).key != tiny.key
    said: list[str] = []
    updated = prepare(provider(tmp_path, update_locks=True), TINY, said)
    assert updated.key == tiny.key
    assert "resolving" in said


def test_a_lock_with_a_wrong_hash_installs_nothing(tmp_path: Path, tiny: Environment) -> None:
    lock = next((tmp_path / "locks").glob("*.txt"))
    kept = read_lock(lock)
    assert kept is not None
    forged = kept.text.partition("sha256:")[2][:64][::-1]
    pin = kept.text.split()[0]
    write_lock(lock, Lock(text=f"{pin} --hash=sha256:{forged}\n"))
    with pytest.raises(CellError) as caught:
        prepare(provider(tmp_path), TINY)
    assert caught.value.reason is Reason.INSTALL_FAILED
    assert "ash mismatch" in caught.value.message
    assert sorted(p.name for p in (tmp_path / "venvs").iterdir() if p.is_dir()) == [tiny.key]


def test_a_moved_environment_knows_its_packages(tiny: Environment) -> None:
    python = Path(tiny.location) / "bin" / "python"
    code = "import six, sys; print(sys.prefix)"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == tiny.location
    assert [name.split("==")[0] for name in tiny.packages] == ["six"]


def make_elsewhere(cache: Path, die: str = "never") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKER, str(cache), HERE, die], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    makers = [make_elsewhere(tmp_path) for _ in range(2)]
    answers = [maker.communicate(timeout=120)[0].splitlines()[-1].split() for maker in makers]
    assert sorted(reused for reused, _ in answers) == ["False", "True"]
    assert answers[0][1] == answers[1][1]


@pytest.mark.parametrize("moment", ["resolving", "installing"])
def test_a_killed_maker_leaves_nothing_that_is_taken_for_an_environment(
    tmp_path: Path, moment: str
) -> None:
    maker = make_elsewhere(tmp_path, moment)
    assert maker.communicate(timeout=120)[0].splitlines()[-1].startswith(moment)
    assert maker.returncode == -9
    assert not prepare(provider(tmp_path), TINY).reused


def test_a_half_made_environment_is_made_anew(tmp_path: Path, tiny: Environment) -> None:
    same = provider(tmp_path)
    same.remove(tiny)
    half = Path(tiny.location).with_suffix(".making")
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").symlink_to(sys.executable)
    assert not prepare(same, TINY).reused
    assert not half.exists()


@pytest.mark.parametrize("moment", ["looking", "resolving", "installing"])
def test_giving_up_while_uv_works_leaves_nothing(tmp_path: Path, moment: str) -> None:
    gave_up = threading.Event()

    def progress(phrase: str) -> None:
        if phrase.startswith(moment):
            gave_up.set()

    with pytest.raises(Cancelled):
        provider(tmp_path).prepare(TINY, cancel=gave_up, progress=progress)
    left = list((tmp_path / "venvs").glob("*")) if (tmp_path / "venvs").exists() else []
    assert not [path for path in left if path.is_dir()]


def test_wheels_of_the_matrix_that_are_not_there_are_named(tmp_path: Path) -> None:
    absent = tmp_path / "no-wheels-here"
    with pytest.raises(CellError) as caught:
        prepare(provider(tmp_path, find_links=str(absent)), TINY)
    assert caught.value.reason is Reason.INSTALL_FAILED
    assert "no-wheels-here" in caught.value.message


def test_a_release_that_python_cannot_have_says_so(tmp_path: Path) -> None:
    with pytest.raises(CellError) as caught:
        prepare(provider(tmp_path), replace(TORCH, torch="1.4.0"))
    assert "torch" in caught.value.message
    assert "1.4.0" in caught.value.message
    assert caught.value.log_tail


def test_an_index_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    environ = {**os.environ, "UV_HTTP_RETRIES": "0"}
    nowhere = provider(tmp_path, index="http://127.0.0.1:9/simple", environ=environ)
    with pytest.raises(CellError, match="check the network"):
        prepare(nowhere, TINY)


def test_the_default_index_steps_in_for_a_builds_own(
    tmp_path: Path,
) -> None:
    environ = {**os.environ, "UV_HTTP_RETRIES": "0"}
    request = Request(
        python=HERE, requirements=("six",), index=NOWHERE, sources=find_sources(environ)
    )
    unreachable: set[str] = set()
    lock = resolve(
        Uv(environ, tmp_path),
        request,
        ("--python", sys.executable),
        unreachable=unreachable,
        cancel=threading.Event(),
    )
    assert lock.unreached
    assert unreachable == {NOWHERE}
    assert "six==" in lock.text


def test_the_doctor_looks_at_everything_and_finds_no_obstacle(tmp_path: Path) -> None:
    checks = {
        check.name: check
        for check in diagnose_host(cache_dir=tmp_path, reports=tmp_path / "reports")
    }
    assert len(checks) == 12
    assert all(check.detail for check in checks.values())
    assert not [check for check in checks.values() if check.status == "missing"]
    assert HERE in checks["Pythons"].detail
    assert checks["uv"].status == checks["package index"].status == "ok"
