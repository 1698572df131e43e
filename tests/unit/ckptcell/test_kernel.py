from __future__ import annotations

import os
import subprocess
import threading

import pytest

from ckptcell import kernel


def test_threads_are_counted() -> None:
    before = kernel.thread_count()
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    assert kernel.thread_count() == before + 1
    go_on.set()
    thread.join()


def test_the_address_space_grows_with_what_is_in_it() -> None:
    before = kernel.address_space_bytes()
    kept = bytearray(100_000_000)
    assert kernel.address_space_bytes() >= before + len(kept)


def test_children_are_found_and_left_alone() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert kernel.has_children()
        assert process.pid in kernel.own_children()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert process.pid not in kernel.own_children()


V1 = "under_oom 0\noom_kill 3\n"
V2 = "max 7\noom 9\noom_kill 4\noom_group_kill 0\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "kills"),
    [
        ("4:memory:/job\n0::/\n", {"memory/job/memory.oom_control": V1}, 3),
        ("4:cpu,memory:/job\n", {"memory/memory.oom_control": V1}, 3),
        ("0::/user.slice\n", {"user.slice/memory.events": V2}, 4),
        ("0::/\n", {"memory.events": V2}, 4),
        ("0::/\n", {}, 0),
        ("", {}, 0),
    ],
)
def test_memory_kills_are_read_from_either_kind_of_cgroup(
    cgroup: str, files: dict[str, str], kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {os.path.join("/sys/fs/cgroup", path): text for path, text in files.items()}  # noqa: PTH118 - text
    content["/proc/self/cgroup"] = cgroup
    monkeypatch.setattr(kernel, "_read", lambda path: content.get(path, ""))
    assert kernel.oom_kills() == kills
