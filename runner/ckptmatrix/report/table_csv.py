"""The producer by consumer grid for a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from ckptmatrix.report.squares import pair_grid

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

__all__ = ["grid_csv"]


def grid_csv(run: RunRecord) -> str:
    """One line a producer, one column a consumer: ``failed 41/57``, good out of what applies."""
    grid = pair_grid(run)
    sheet = StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["producer", *grid.columns])
    for row in grid.rows:
        squares = [grid.squares[row, column] for column in grid.columns]
        writer.writerow([row, *(f"{s.verdict or ''} {s.text}".strip() for s in squares)])
    return sheet.getvalue()
