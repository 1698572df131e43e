"""The forms a report has, and what each one's file is called. Light, for the command line."""

from __future__ import annotations

from typing import Final

__all__ = ["FILES", "RECORDS"]

#: Form → name of its file.
FILES: Final = {
    "html": "report.html",
    "markdown": "report.md",
    "csv": "outcomes.csv",
    "table": "table.csv",
    "parquet": "outcomes.parquet",
    "json": "run-and-outcomes.json",
    "junit": "junit.xml",
    "badge": "badge.json",
}
#: Those that a run itself leaves as its record, which is not written again.
RECORDS: Final = frozenset({"parquet", "table"})
