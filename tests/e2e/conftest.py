"""Runs of the real program, as a user starts it, in folders of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import ckptmatrix

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


def start(arguments: list[str], cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line without waiting for it."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "ckptmatrix.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(
    *arguments: str, cwd: Path = REPOSITORY, env: dict[str, str] | None = None
) -> Finished:
    """Run the command line to its end."""
    process = start(list(arguments), cwd, env)
    out, err = process.communicate(timeout=1_500)
    print(out, err, sep="\n")
    return Finished(process.returncode, out, err)


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run of the default matrix, shared by all tests."""
    out = tmp_path_factory.mktemp("reports")
    done = command("run", "matrices/default.yaml", "--out", str(out))
    assert done.code == 0, done.err
    return out / "default" / "latest"


@pytest.fixture(scope="session")
def default_frame(default_run: Path) -> ckptmatrix.report.frames.RunFrames:  # type: ignore[name-defined]
    """The same as pandas tables."""
    return ckptmatrix.load_run(default_run)
