"""The real program, started as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["REPOSITORY", "Finished", "command", "start"]

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


def start(
    *arguments: str, cwd: Path = REPOSITORY, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start the command line without waiting for it, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ckptmatrix.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(
    *arguments: str,
    cwd: Path = REPOSITORY,
    env: dict[str, str] | None = None,
    timeout_s: float = 1_500,
) -> Finished:
    """Run the command line to its end and show what it printed."""
    process = start(*arguments, cwd=cwd, env=env)
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    print(out, err, sep="\n")  # noqa: T201 - pytest shows it when a test fails
    return Finished(code=process.returncode, out=out, err=err)
