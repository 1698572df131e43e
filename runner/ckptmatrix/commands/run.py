"""``ckptmatrix run``: from a matrix file to a table and a report."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix import __version__
from ckptmatrix.commands.planning import Planned, plan_file
from ckptmatrix.commands.workplace import make_provider, new_folder
from ckptmatrix.engines.local import LocalEngine
from ckptmatrix.errors import ExitCode, ExpectedError
from ckptmatrix.gate.sentences import sentences as gate_sentences
from ckptmatrix.gate.sentences import to_json as gate_json
from ckptmatrix.matrix.unused import unused_settings
from ckptmatrix.providers.pyz import observer_digest
from ckptmatrix.providers.select import choose_provider
from ckptmatrix.record import RunRecord
from ckptmatrix.report.findings import find
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.predictions import score_run, sentences, to_json
from ckptmatrix.report.tables import print_run
from ckptmatrix.report.tables import shown as shown_text
from ckptmatrix.report.text import plain
from ckptmatrix.run.driver import Finished, drive
from ckptmatrix.run.interrupts import Interrupts
from ckptmatrix.run.progress import board_for
from ckptmatrix.run.scratch import own_scratch
from ckptmatrix.run.setting import Setting
from ckptmatrix.store import Store
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.gate.judge import Gate

__all__ = ["run_command"]


def run_command(
    path: Path,
    *,
    provider: str | None,
    cells: str | None,
    cases: str | None,
    jobs: int | None,
    out: Path,
    store: Path | None,
    fresh: bool,
    update_locks: bool,
    gate: Callable[[Path], Callable[[Path], Gate]] | None,
    as_json: bool,
) -> int:
    """Run a matrix file.

    Args:
        path: The matrix file.
        provider: ``auto``, ``venv`` or ``docker``; what the matrix says when None.
        cells: Patterns of the cells wanted, or None.
        cases: Patterns of the cases wanted, or None.
        jobs: Jobs at a time, or None for one a core.
        out: Where run folders land.
        store: Where results are kept; ``out/.store`` when None.
        fresh: Whether known results are ignored.
        update_locks: Whether packages are resolved anew.
        gate: From the folder of the matrix's runs to what holds a run's folder against the
            baseline, or None.
        as_json: Whether the summary is printed as JSON.

    Returns:
        An exit code: 1 when the gate does not let it pass; 3 when a cell could not be used or
        something could not be measured; when interrupted 130, or 143 by SIGTERM and 129 by SIGHUP.

    Raises:
        ckptmatrix.errors.ExpectedError: Nothing could be started.
        Exception: What ended a run before its time, once its record is written.
    """
    planned = plan_file(path, cells=cells, cases=cases)
    hold = None if gate is None else gate(out / planned.matrix.name)
    shown = Console(stderr=True) if as_json else Console()
    name, note = choose_provider(
        provider or planned.matrix.hosts[0].provider,
        planned.plan.usable,
        base=planned.matrix.build.base,
    )
    shown.print(Text(note), soft_wrap=True)
    if unused := unused_settings(planned.matrix, name):
        shown.print(Text(f"not used: {'; '.join(unused)}"), soft_wrap=True)
    folder = new_folder(out / planned.matrix.name)
    board = board_for(shown)
    cancel = threading.Event()
    with (
        Interrupts(cancel, board.say) as interrupts,
        closing(Store(store or out / ".store")) as kept,
        own_scratch() as scratch,
    ):
        if kept.note:
            shown.print(Text(kept.note), soft_wrap=True)
        setting = Setting(
            provider=make_provider(name, planned.matrix, folder.name, update_locks=update_locks),
            engine=LocalEngine(jobs),
            store=kept,
            board=board,
            scratch=scratch,
            log=folder / "jobs",
            limits=planned.matrix.limits.wire(),
            timeout_s=planned.matrix.limits.timeout_s,
            observer=observer_digest(),
            case_files=planned.case_files,
            fresh=fresh,
            cancel=cancel,
        )
        _begin(folder, planned, name, note)
        with board:
            finished = drive(setting, planned.plan, run_id=folder.name, provider_note=note)
        partial = cells is not None or cases is not None
        finished = replace(finished, record=replace(finished.record, partial=partial))
        _write(folder, finished)
    if not as_json:
        _show(shown, folder, finished)
    held = None if hold is None or finished.record.status != "complete" else hold(folder)
    if as_json:
        told = {} if held is None else {"gate": gate_json(held)}
        click.echo(json.dumps(_summary(folder, finished) | told, indent=2))
    elif held is not None:
        for line in gate_sentences(held):
            shown.print(Text(shown_text(line, shown)), soft_wrap=True)
    if finished.record.status == "interrupted":
        return interrupts.exit_code or ExitCode.INTERRUPTED
    if held is not None and not held.passes:
        return ExitCode.GATE
    record = finished.record
    verdicts = {cell.verdict for cell in record.cells}
    verdicts |= {save.verdict for save in record.saves}
    verdicts |= {outcome.judgement.verdict for outcome in record.outcomes}
    return ExitCode.UNUSABLE if Verdict.ERROR in verdicts else ExitCode.COMPLETE


def _write(folder: Path, finished: Finished) -> None:
    """Write the record; of a run that failed, also raise what ended it."""
    if finished.failure is None:
        write_run(folder, finished.record)
        return
    # What ended the run, a full disk say, may keep the record from being written as well.
    with suppress(ExpectedError, OSError):
        write_run(folder, finished.record)
    raise finished.failure


def _begin(folder: Path, planned: Planned, provider: str, note: str) -> None:
    """Leave a readable record from the start, with the plan and the matrix as they were."""
    plan_text = json.dumps(planned.plan.to_json(), indent=1) + "\n"
    (folder / "plan.json").write_text(plan_text, encoding="utf-8")
    shutil.copyfile(planned.matrix.path, folder / "matrix.yaml")
    write_run(
        folder,
        RunRecord(
            id=folder.name,
            matrix=planned.matrix.name,
            status="started",
            started=datetime.now(UTC),
            provider=provider,
            provider_note=note,
            ckptmatrix=__version__,
            cases={case.name: (case.family, case.title) for case in planned.plan.cases},
            phases={},
        ),
    )


def _show(console: Console, folder: Path, finished: Finished) -> None:
    record, counts = finished.record, finished.record.counts
    print_run(record, console)
    if said := sentences(score_run(record)):
        console.print()
        for line in said:
            console.print(Text(plain(line, 1_000)), soft_wrap=True)
    took = sum(record.phases.values())
    console.print(
        f"\n{counts.jobs} jobs started: {counts.saves} saves and {counts.loads} loads done, "
        f"{counts.reused_saves} saves and {counts.reused_loads} loads known before; {took:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
    if record.status == "interrupted":
        console.print(
            f"interrupted: what is finished is kept; the same command goes on with the "
            f"{finished.left} saves and loads that are left",
            highlight=False,
            soft_wrap=True,
        )
    console.print(Text(f"report: {folder / 'report.html'}"), soft_wrap=True)


def _summary(folder: Path, finished: Finished) -> dict[str, object]:
    record = finished.record
    verdicts = [outcome.judgement.verdict for outcome in record.outcomes]
    return {
        "folder": str(folder),
        "status": record.status,
        "provider": record.provider,
        "left": finished.left,
        "verdicts": {verdict.value: verdicts.count(verdict) for verdict in Verdict},
        "jobs": record.counts.jobs,
        "saves": record.counts.saves,
        "loads": record.counts.loads,
        "reused_saves": record.counts.reused_saves,
        "reused_loads": record.counts.reused_loads,
        "phases": record.phases,
        "cells": {
            cell.id: {"verdict": cell.verdict, "reason": cell.reason, "message": cell.message}
            for cell in record.cells
        },
        "predictions": to_json(score_run(record))["scores"],
        "findings": [finding.sentence for finding in find(record)],
    }
