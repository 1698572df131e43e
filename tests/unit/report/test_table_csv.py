from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ckptmatrix.report.table_csv import grid_csv

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord


def test_the_grid_is_a_sheet(run: RunRecord) -> None:
    head, *rows = csv.reader(io.StringIO(grid_csv(run)))
    ids = [cell.id for cell in run.cells]
    assert head == ["producer", *ids]
    assert rows == [
        [ids[0], "ok 6/6", "ok 6/6", "ok 6/6"],
        [ids[1], "changed 6/8", "changed 6/8", "changed 6/8"],
        [ids[2], "failed 6/8", "failed 6/8", "ok 8/8"],
    ]
