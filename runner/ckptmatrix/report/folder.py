"""The folder a run leaves behind, written so that it can be read at any moment.

- ``run.json``: header, cells, saves, cases, counts, phases; one JSON object with its ``"format"``
- ``outcomes.json``: one JSON array, one outcome a line; ``report.schema`` lists the fields
- ``outcomes.parquet``: the same as a table
- ``table.csv``: producer by consumer, the worst verdict and how many loads are good
- ``predictions.json``: what the predictions were worth, and every wrong one
- ``report.md``: for a pull request or a job summary
- ``report.html``: one page that needs nothing beside it

``run.json`` is written last: as long as it says ``started``, the rest is not there, or not whole.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ckptmatrix.errors import UsageError
from ckptmatrix.record import FORMAT, RunRecord
from ckptmatrix.report.document import header
from ckptmatrix.report.html import render_html
from ckptmatrix.report.markdown import render_markdown
from ckptmatrix.report.parquet import to_parquet
from ckptmatrix.report.predictions import score_run, to_json
from ckptmatrix.report.schema import outcome_from, row
from ckptmatrix.report.table_csv import grid_csv
from ckptmatrix.store.atomic import point_at, write_atomic
from ckptmatrix.store.failures import explained

__all__ = ["RECORD", "read_run", "write_run"]

#: What makes a folder that of a run.
RECORD = "run.json"

_RECORD: TypeAdapter[RunRecord] = TypeAdapter(RunRecord)


def write_run(folder: Path, run: RunRecord) -> None:
    """Write what is known of a run. Called once when it starts and once when it ends.

    A run that has ended also becomes what the link ``latest`` beside its folder points to.

    Args:
        folder: ``<reports>/<matrix>/<run id>``; made when it is not there.
        run: Of a run whose status is ``started``, only ``run.json`` is written.

    Raises:
        StoreError: Something cannot be written; the message names it.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if run.status != "started":
        rows = [row(outcome) for outcome in run.outcomes]
        lines = ",\n".join(json.dumps(fields, separators=(",", ":")) for fields in rows)
        write_atomic(folder / "outcomes.json", f"[\n{lines}\n]\n")
        write_atomic(folder / "outcomes.parquet", to_parquet(rows))
        write_atomic(folder / "table.csv", grid_csv(run))
        worth = json.dumps(to_json(score_run(run)), indent=1)
        write_atomic(folder / "predictions.json", worth + "\n")
        write_atomic(folder / "report.md", render_markdown(run))
        write_atomic(folder / "report.html", render_html(run))
    text = json.dumps({"format": FORMAT} | header(run), indent=1)
    write_atomic(folder / RECORD, text + "\n")
    if run.status != "started":
        point_at(folder.parent / "latest", folder.name)


def read_run(folder: Path | str, *, outcomes: bool = True) -> RunRecord:
    """Read what :func:`write_run` wrote.

    Args:
        folder: The run's folder, or a link to it.
        outcomes: Whether to read them as well; without them it is fast however large the run is.

    Raises:
        UsageError: It is not a run's folder, is of another format, or is damaged.
    """
    folder = Path(folder)
    fields = _read_json(folder, RECORD)
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        msg = f"{folder / 'run.json'} is not the record of a run"
        raise UsageError(msg)
    found = fields.pop("format")
    if found > FORMAT:
        msg = (
            f"{folder} was written by ckptmatrix {str(fields.get('ckptmatrix'))[:50]} in format "
            f"{found}; this version reads up to format {FORMAT}\n    fix: upgrade ckptmatrix"
        )
        raise UsageError(msg)
    if found < FORMAT:
        msg = (
            f"{folder} is in format {found}, which is older than what this version reads "
            f"({FORMAT})\n    fix: run the matrix again"
        )
        raise UsageError(msg)
    try:
        run = _RECORD.validate_python(fields)
        if outcomes and run.status != "started":
            rows = _read_json(folder, "outcomes.json")
            run = replace(run, outcomes=tuple(map(outcome_from, rows)))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        what = str(error).splitlines()[0][:200]
        msg = f"{folder} is damaged: {what}\n    fix: run the matrix again"
        raise UsageError(msg) from error
    return run


def _read_json(folder: Path, name: str) -> Any:  # noqa: ANN401 - any JSON value
    path = folder / name
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"{folder} is not the folder of a run: it has no {name}"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"{path}: {(error.strerror or str(error)).lower()}"
        raise UsageError(msg) from error
    except ValueError as error:
        msg = f"{path} is damaged: {error}\n    fix: run the matrix again"
        raise UsageError(msg) from error
