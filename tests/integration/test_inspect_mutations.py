"""Ten thousand damaged files: every one ends in an answer, soon, and within bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mutations

CHUNKS, EACH = 20, 500
#: Seconds of processor time, and MiB of memory with the program's own.
SLOWEST, LARGEST = 2.0, 400


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.timeout(600)
def test_mutated_files_are_read(chunk: int, tmp_path: Path) -> None:
    program = Path(mutations.__file__)
    environment = os.environ | {"PYTHONPATH": str(program.parent)}
    ended = subprocess.run(
        [sys.executable, program, str(chunk * EACH), str(EACH), tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    answer = json.loads(ended.stdout)
    assert answer["failed"] == 0, "\n".join(answer["failures"])
    assert sum(answer["kinds"].values()) == EACH
    assert answer["slowest"] < SLOWEST
    assert answer["peak_mib"] < LARGEST
    # Most damage is seen; some of it is in padding, or makes another whole file.
    assert answer["damaged"] > EACH / 2
