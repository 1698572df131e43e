from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ckptmatrix
from ckptmatrix.errors import UsageError
from ckptmatrix.sidecar import Sidecar, read_sidecar
from ckptmatrix.stamping import environment_here, git_state
from given_files import write_checkpoint


class Model:
    """What stamping asks of a module."""

    def __init__(self, **state: Any) -> None:
        self._state = state

    def state_dict(self) -> dict[str, Any]:
        return self._state


class Stateless:
    def state_dict(self) -> dict[str, Any]:
        msg = "no state"
        raise RuntimeError(msg)


def stamped(path: Path, **fields: Any) -> Sidecar:
    ckptmatrix.stamp(path, **fields)
    found = read_sidecar(path).sidecar
    assert found is not None
    return found


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_checkpoint(tmp_path / "model.pt")


def test_a_stamp_says_what_this_interpreter_is(checkpoint: Path) -> None:
    before = checkpoint.read_bytes()
    found = stamped(checkpoint)
    assert found.environment.python == sys.version.split()[0]
    assert any(each.startswith("pydantic==") for each in found.environment.packages)
    assert found.bytes == len(before)
    assert found.written is not None
    assert found.written.tzinfo is not None
    assert found.git is None
    assert checkpoint.read_bytes() == before


def test_torch_is_what_the_caller_imported(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = SimpleNamespace(
        __version__="9.9.0+cu999", version=SimpleNamespace(cuda="99.9", hip=None)
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    here = environment_here()
    assert (here.torch, here.cuda, here.hip) == ("9.9.0+cu999", "99.9", None)
    assert stamped(checkpoint).environment.torch == "9.9.0+cu999"


def test_model_optimizer_and_parameters_are_noted(checkpoint: Path) -> None:
    weight = SimpleNamespace(dtype="torch.float16", shape=(3, 4))
    optimizer = SimpleNamespace(defaults={"lr": 0.1, "betas": (0.9, 0.999)}, param_groups=[1])
    found = stamped(
        checkpoint,
        model=Model(w=weight, extra=3),
        optimizer=optimizer,
        config={"lr": 0.1, "seed": float("inf")},
        note="first",
    )
    assert found.architecture is not None
    assert found.architecture.model.endswith("test_stamping.Model")
    assert [(t.name, t.dtype, t.shape) for t in found.architecture.tensors] == [
        ("w", "torch.float16", (3, 4))
    ]
    assert found.optimizer is not None
    assert found.optimizer["defaults"] == {"lr": 0.1, "betas": [0.9, 0.999]}
    assert (found.config, found.extra) == ({"lr": 0.1, "seed": "inf"}, {"note": "first"})


def test_the_state_of_the_repository_is_noted(checkpoint: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=n", "-c", "user.email=n@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q", "-b", "work")
    Path("train.py").write_text("1", encoding="utf-8")
    git("add", "train.py")
    git("commit", "-q", "-m", "x")
    clean = stamped(checkpoint).git
    assert clean is not None
    assert (clean.commit, clean.branch, clean.dirty) == (git("rev-parse", "HEAD"), "work", False)
    Path("train.py").write_text("2", encoding="utf-8")
    found = git_state(Path.cwd())
    assert found is not None
    assert found.dirty


def test_what_cannot_be_stamped_is_said(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        ckptmatrix.stamp(tmp_path / "absent.pt")
    with pytest.raises(UsageError, match="has no state_dict"):
        ckptmatrix.stamp(checkpoint, model=3)
    with pytest.raises(UsageError, match=r"Model is a class: give a model of it, Model\(\) say"):
        ckptmatrix.stamp(checkpoint, model=Model)
    with pytest.raises(UsageError, match="cannot be listed: RuntimeError: no state"):
        ckptmatrix.stamp(checkpoint, model=Stateless())
    with pytest.raises(UsageError, match="int has no param_groups"):
        ckptmatrix.stamp(checkpoint, optimizer=3)
    (tmp_path / "model.pt.ckptmatrix.json").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        ckptmatrix.stamp(checkpoint)


def test_names_that_utf8_cannot_spell_are_spelled_out(checkpoint: Path) -> None:
    weight = SimpleNamespace(dtype="torch.float16", shape=(3,))
    found = stamped(checkpoint, model=Model(**{"w\ud800": weight})).architecture
    assert found is not None
    assert found.tensors[0].name == "w\\ud800"
