"""``ckptmatrix report``: a run that has ended, in the forms that people and machines read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ckptmatrix.commands.runs import find_baseline, find_run
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.report.badge import render_badge
from ckptmatrix.report.diff.compare import compare
from ckptmatrix.report.document import render_document
from ckptmatrix.report.folder import read_run
from ckptmatrix.report.forms import FILES, RECORDS
from ckptmatrix.report.frames import RunFrames
from ckptmatrix.report.history import History
from ckptmatrix.report.html import render_html
from ckptmatrix.report.junit import render_junit
from ckptmatrix.report.markdown import render_markdown
from ckptmatrix.report.parquet import to_parquet
from ckptmatrix.report.schema import row
from ckptmatrix.report.table_csv import grid_csv
from ckptmatrix.store.atomic import write_atomic
from ckptmatrix.store.failures import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.diff.compare import Diff

__all__ = ["report_command"]

#: These begin with what changed since the baseline.
_COMPARED: dict[str, Callable[[RunRecord, Diff | None], str]] = {
    "html": render_html,
    "markdown": render_markdown,
}
_TEXTS: dict[str, Callable[[RunRecord], str]] = {
    "table": grid_csv,
    "json": render_document,
    "junit": render_junit,
    "badge": render_badge,
}


def report_command(
    run: str, *, forms: Sequence[str], out: Path | None, baseline: str | None, reports: Path
) -> int:
    """Write a run's reports.

    Args:
        run: As :func:`ckptmatrix.commands.runs.find_run` takes it.
        forms: Keys of :data:`ckptmatrix.report.forms.FILES`; all when empty.
        out: The file for one format, the folder for several; one format of text is printed when
            None, and several go into the run's own folder.
        baseline: What page and Markdown begin with a comparison to; the matrix's baseline, where
            there is one, when None.
        reports: Where run folders land.

    Raises:
        UsageError: There is no such run, it has not ended, or a table of bytes is to be printed.
        StoreError: Something cannot be written.
    """
    folder = find_run(run, reports)
    record = read_run(folder)
    if record.status == "started":
        msg = f"{folder}: the run has not ended, so there is nothing to report yet"
        raise UsageError(msg)
    diff = _diff(folder, baseline, reports) if not forms or {*forms} & _COMPARED.keys() else None
    if len({*forms}) == 1:
        form = forms[0]
        content = _content(form, record, folder, diff)
        if out is not None:
            write_atomic(out, content)
            click.echo(out)
        elif isinstance(content, bytes):
            msg = f"{form} is not text\n    fix: --out {FILES[form]}"
            raise UsageError(msg)
        else:
            click.echo(content, nl=False)
        return ExitCode.COMPLETE
    target = folder if out is None else out
    # In the run's own folder these are its record.
    every = [form for form in FILES if out is not None or form not in RECORDS]
    with explained(target):
        target.mkdir(parents=True, exist_ok=True)
    for form in dict.fromkeys(forms or every):
        write_atomic(target / FILES[form], _content(form, record, folder, diff))
        click.echo(target / FILES[form])
    return ExitCode.COMPLETE


def _diff(folder: Path, baseline: str | None, reports: Path) -> Diff | None:
    """What is not as it was, or None where there is nothing to compare with."""
    base = find_baseline(folder.parent) if baseline is None else find_run(baseline, reports)
    if base is None or base == folder:
        return None
    head = RunFrames.open(folder)
    past = History.open(folder.parent, until=head.run.id).table()
    return compare(RunFrames.open(base), head, past)


def _content(form: str, record: RunRecord, folder: Path, diff: Diff | None) -> str | bytes:
    if form == "parquet":
        return to_parquet(row(outcome) for outcome in record.outcomes)
    if form == "csv":
        return RunFrames.open(folder).frame().to_csv(index=False)
    if form in _COMPARED:
        return _COMPARED[form](record, diff)
    return _TEXTS[form](record)
