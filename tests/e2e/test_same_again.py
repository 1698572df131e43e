"""The same run again gives the same answers, also when the machine is busy with other things."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import ckptmatrix
from ckptmatrix.report.schema import COLUMNS
from e2e_program import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Of every kind of ending: good, changed, refused, raised, crashed, out of memory, disk full.
CASES = (
    "state_dict,module_gelu,module_linear,resume_adam,resume_rng,numpy_scalar,program_script,"
    "file_truncated,prefix_module,large_under_limit,save_disk_full,dtype_complex_conj,py_path"
)
CELLS = "*torch1.7.1*,*torch2.13.0*"
STEADY = [column.name for column in COLUMNS if not column.volatile]


def _run(out: Path) -> pd.DataFrame:
    """One run that takes nothing from earlier ones, as its rows without what may differ."""
    choice = ("--cells", CELLS, "--cases", CASES)
    done = command(
        "run", "matrices/default.yaml", "--provider", "venv", "--fresh", *choice, "--out", str(out)
    )
    assert done.code == 0, done.err
    return ckptmatrix.load_run(out / "default" / "latest").frame()[STEADY]


@contextmanager
def _busy() -> Iterator[None]:
    """A process that never rests for each core of this machine."""
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
        assert all(other.poll() is None for other in others)
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.mark.timeout(1_800)
def test_three_runs_on_a_busy_machine_answer_as_one_on_an_idle_one(tmp_path: Path) -> None:
    idle = _run(tmp_path / "idle")
    assert {"ok", "changed", "failed", "unsupported"} <= set(idle.verdict)
    assert {"crashed", "out_of_memory"} <= set(idle.reason.dropna())
    assert not idle.flaky.any()
    with _busy():
        for number in range(3):
            busy = _run(tmp_path / f"busy-{number}")
            pd.testing.assert_frame_equal(busy, idle, check_categorical=False)
