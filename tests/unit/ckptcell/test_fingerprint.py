from __future__ import annotations

import copyreg
import os
import pickle
import subprocess
import sys
import threading
import types
from typing import TYPE_CHECKING

import pytest

from ckptcell import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint"
    path.write_bytes(b"x")
    return path


@pytest.fixture
def fake_torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    torch = types.ModuleType("torch")
    torch.load = lambda: None  # type: ignore[attr-defined]
    torch.get_default_dtype = lambda: "torch.float32"  # type: ignore[attr-defined]
    torch.Tensor = type("Tensor", (), {"numpy": len})  # type: ignore[attr-defined]
    serialization = types.ModuleType("torch.serialization")
    serialization.get_safe_globals = list  # type: ignore[attr-defined]
    serialization._package_registry = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch.serialization", serialization)
    return torch


@pytest.mark.usefixtures("fake_torch")
def test_nothing_done_changes_nothing(checkpoint: Path) -> None:
    assert fingerprint.take(str(checkpoint)) == fingerprint.take(str(checkpoint))


CHANGES: dict[str, Callable[[pytest.MonkeyPatch, Path], None]] = {
    "a module": lambda patch, _: patch.setitem(sys.modules, "surprise", types.ModuleType("s")),
    "pickle.load": lambda patch, _: patch.setattr(pickle, "load", len),
    "a reducer": lambda patch, _: patch.setitem(copyreg.dispatch_table, types.ModuleType, repr),
    "the environment": lambda patch, _: patch.setitem(os.environ, "SURPRISE", "1"),
    "the path": lambda patch, _: patch.syspath_prepend("/surprise"),
    "the folder": lambda patch, path: patch.chdir(path.parent),
    "the checkpoint": lambda _, path: os.truncate(path, 0),
    "torch.load": lambda patch, _: patch.setattr(sys.modules["torch"], "load", len),
    "the default": lambda patch, _: patch.setattr(
        sys.modules["torch"], "get_default_dtype", lambda: "torch.float64"
    ),
    "a method": lambda patch, _: patch.setattr(sys.modules["torch"].Tensor, "numpy", repr),
    "safe globals": lambda patch, _: patch.setattr(
        sys.modules["torch.serialization"], "get_safe_globals", lambda: [os.system]
    ),
    "a deserializer": lambda patch, _: patch.setattr(
        sys.modules["torch.serialization"], "_package_registry", [(1, len, len)]
    ),
}


@pytest.mark.usefixtures("fake_torch")
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_task_may_leave_behind_is_seen(
    change: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint.take(str(checkpoint))
    CHANGES[change](monkeypatch, checkpoint)
    assert fingerprint.take(str(checkpoint)) != before


def test_an_equal_function_is_not_the_same(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Liar:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    before = fingerprint.take(str(checkpoint))
    monkeypatch.setattr(pickle, "load", Liar())
    assert fingerprint.take(str(checkpoint)) != before


def test_a_thread_is_seen(checkpoint: Path) -> None:
    before = fingerprint.take(str(checkpoint))
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    during = fingerprint.take(str(checkpoint))
    go_on.set()
    thread.join()
    assert during != before
    assert fingerprint.take(str(checkpoint)) == before


def test_a_process_is_seen(checkpoint: Path) -> None:
    before = fingerprint.take(str(checkpoint))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        during = fingerprint.take(str(checkpoint))
        assert process.stdin is not None
        process.stdin.close()
    assert during != before
