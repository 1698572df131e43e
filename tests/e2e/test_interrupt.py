"""Ctrl-C in the middle: nothing is lost, nothing is left running, and the next run goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from pathlib import Path

from e2e_program import command, start

MATRIX = """
name: long
include:
  - {python: "3.11", torch: "2.13.0"}
  - {python: "3.8", torch: "1.7.1"}
"""
ENOUGH = 60


def _finished(store: Path) -> int:
    """Loads whose answer is in the store."""
    if not (store / "results.sqlite").exists():
        return 0
    with sqlite3.connect(f"file:{store / 'results.sqlite'}?mode=ro", uri=True) as database:
        try:
            return int(database.execute("select count(*) from results").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_what_is_finished_is_kept_and_the_next_run_does_the_rest(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(MATRIX, encoding="utf-8")
    plan = json.loads(command("plan", "long.yaml", "--json", cwd=tmp_path).out)
    process = start("run", "long.yaml", "--provider", "venv", cwd=tmp_path)
    store = tmp_path / "reports" / ".store"
    deadline = time.monotonic() + 300
    while _finished(store) < plan["cost"]["saves"] + ENOUGH and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    print(out, err)  # noqa: T201 - pytest shows it when a test fails
    assert process.returncode == 130
    assert "Traceback" not in out + err
    told = re.search(r"goes on with the\s+(\d+) saves and loads", out)
    assert told is not None
    left = int(told[1])
    assert 0 < left < plan["cost"]["loads"]
    assert _processes_of(tmp_path) == []

    done = command("run", "long.yaml", "--provider", "venv", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["loads"] == left
    assert summary["reused_saves"] == plan["cost"]["saves"]


def _processes_of(folder: Path) -> list[str]:
    """Command lines of cell programs that still work for a run in ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "ckptcell" in line and str(folder) in line:
            found.append(line)
    return found
