from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.providers.venv import leftovers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which four processes were killed for memory."""
    monkeypatch.setattr(leftovers, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(leftovers, "_GROUPS", tmp_path / "cgroup")
    write(tmp_path / "proc/vmstat", "nr_free_pages 7\noom_kill 4\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_kills_in_our_own_group_count(kernel: Path) -> None:
    write(kernel / "proc/self/cgroup", "0::/user.slice/mine\n")
    write(kernel / "cgroup/user.slice/mine/memory.events", "oom 2\noom_kill 1\noom_group_kill 9\n")
    assert leftovers.oom_kills() == 1


def test_a_container_sees_its_own_group_at_the_top(kernel: Path) -> None:
    write(kernel / "proc/self/cgroup", "0::/docker/abc\n")
    write(kernel / "cgroup/memory.events", "oom_kill 2\n")
    assert leftovers.oom_kills() == 2


def test_older_groups_count_too(kernel: Path) -> None:
    write(kernel / "proc/self/cgroup", "9:cpu,cpuacct:/a\n5:memory:/a:b\n0::/a\n")
    write(kernel / "cgroup/memory/a:b/memory.oom_control", "under_oom 0\noom_kill 3\n")
    assert leftovers.oom_kills() == 3


@pytest.mark.parametrize("groups", ["0::/\n", "", None])
def test_without_groups_the_machine_counts(kernel: Path, groups: str | None) -> None:
    if groups is not None:
        write(kernel / "proc/self/cgroup", groups)
    assert leftovers.oom_kills() == 4


def test_what_nobody_counts_is_none(kernel: Path) -> None:
    (kernel / "proc/vmstat").unlink()
    assert leftovers.oom_kills() == 0
