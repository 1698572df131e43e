from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.report.diff.compare import Diff, compare
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.frames import RunFrames
from example_run import make_run

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.record import RunRecord
    from diff_runs import Compared


@pytest.fixture
def compared(tmp_path: Path) -> Compared:
    """Compares two runs as their folders hold them."""

    def of(base: RunRecord, head: RunRecord) -> Diff:
        for name, run in (("base", base), ("head", head)):
            write_run(tmp_path / name, run)
        return compare(RunFrames.open(tmp_path / "base"), RunFrames.open(tmp_path / "head"))

    return of


@pytest.fixture
def base() -> RunRecord:
    return make_run()
