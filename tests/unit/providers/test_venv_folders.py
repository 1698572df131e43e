from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.providers.base import Cancelled
from ckptmatrix.providers.venv.folders import (
    VenvRecord,
    finish,
    hold,
    python_of,
    read_record,
    remove_tree,
)

if TYPE_CHECKING:
    from pathlib import Path

NEVER = threading.Event()


def test_threads_take_turns(tmp_path: Path) -> None:
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        with hold(tmp_path / "lock", NEVER):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_dies_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, threading, time; from pathlib import Path\n"
        "from ckptmatrix.providers.venv.folders import hold\n"
        "with hold(Path(sys.argv[1]), threading.Event()):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        impatient = threading.Event()
        threading.Timer(0.3, impatient.set).start()
        with pytest.raises(Cancelled), hold(tmp_path / "lock", impatient):
            pytest.fail("two hold one lock")
        other.kill()
        other.wait()
        with hold(tmp_path / "lock", NEVER):
            pass


def environment(folder: Path) -> Path:
    python_of(folder).parent.mkdir(parents=True)
    python_of(folder).symlink_to(sys.executable)
    return folder


def test_an_environment_without_a_record_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path / "absent") is None
    assert read_record(environment(tmp_path / "killed")) is None


def test_a_finished_environment_has_its_record(tmp_path: Path) -> None:
    record = VenvRecord(key="k", packages=("six==1.17.0",))
    finish(environment(tmp_path / "k.making"), tmp_path / "k", record)
    assert read_record(tmp_path / "k") == record
    assert not (tmp_path / "k.making").exists()


def test_an_environment_whose_interpreter_is_gone_is_none_and_is_replaced(tmp_path: Path) -> None:
    record = VenvRecord(key="k", packages=())
    finish(environment(tmp_path / "k.making"), tmp_path / "k", record)
    python_of(tmp_path / "k").unlink()
    python_of(tmp_path / "k").symlink_to(tmp_path / "uninstalled")
    assert read_record(tmp_path / "k") is None
    finish(environment(tmp_path / "k.making"), tmp_path / "k", record)
    assert read_record(tmp_path / "k") == record


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"key": "k"}', b'{"key": 1, "packages": 2}', b"\xff"]
)
def test_a_record_that_cannot_be_read_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    record = VenvRecord(key="k", packages=("six==1.17.0",))
    finish(environment(tmp_path / "k.making"), tmp_path / "k", record)
    (tmp_path / "k" / "ckptmatrix.json").write_bytes(content)
    assert read_record(tmp_path / "k") is None
    finish(environment(tmp_path / "k.making"), tmp_path / "k", record)
    assert read_record(tmp_path / "k") == record


def test_removing_what_is_not_there_is_silent(tmp_path: Path) -> None:
    remove_tree(tmp_path / "absent")
