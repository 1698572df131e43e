from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.cli import main
from ckptmatrix.providers.select import Choice

if TYPE_CHECKING:
    from pathlib import Path

    from fakes import FakeProvider

MATRIX = """
name: small
include:
  - {python: "3.10", torch: "1.13.1"}
  - {python: "3.11", torch: "2.6.0"}
cases: {select: [module_linear]}
"""
OLD, NEW = "py3.10-torch1.13.1-default", "py3.11-torch2.6.0-default"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code=code, out=out, err=err)

    return run


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A matrix of two cells and a case, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CKPTMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "small.yaml"
    path.write_text(MATRIX, encoding="utf-8")
    return path


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeProvider], None]:
    """Has ``run`` work with a provider without processes."""

    def use(provider: FakeProvider) -> None:
        def chosen(asked: str, *_: object, **__: object) -> Choice:
            return Choice("fake", f"fake: instead of {asked}")

        monkeypatch.setattr("ckptmatrix.commands.run.choose_provider", chosen)
        monkeypatch.setattr("ckptmatrix.commands.run.make_provider", lambda *_, **__: provider)

    return use
