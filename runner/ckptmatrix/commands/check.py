"""``ckptmatrix check``: a user's own files through every cell."""

from __future__ import annotations

import json
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix.commands.check_report import check_markdown, print_check
from ckptmatrix.commands.user_model import find_model
from ckptmatrix.commands.workplace import make_provider, new_folder
from ckptmatrix.engines.local import LocalEngine
from ckptmatrix.errors import ExitCode, ExpectedError
from ckptmatrix.matrix.disk import disk_use
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cells
from ckptmatrix.matrix.wheels import download_bytes, load_facts, why_no_wheel
from ckptmatrix.plan import plan_matrix
from ckptmatrix.providers.pyz import observer_digest
from ckptmatrix.providers.select import choose_provider
from ckptmatrix.run.check import drive_check
from ckptmatrix.run.check_record import to_json
from ckptmatrix.run.given import open_given, require_consent
from ckptmatrix.run.interrupts import Interrupts
from ckptmatrix.run.progress import board_for
from ckptmatrix.run.scratch import own_scratch
from ckptmatrix.run.setting import Setting
from ckptmatrix.shipped import matrices
from ckptmatrix.store import Store
from ckptmatrix.store.atomic import point_at, write_atomic
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.matrix.model import Matrix
    from ckptmatrix.plan import Plan
    from ckptmatrix.run.check import CheckFinished
    from ckptmatrix.run.check_record import CheckedFile, CheckRecord

__all__ = ["check_command", "default_matrix", "exit_code", "plan_cells"]


def check_command(
    files: tuple[Path, ...],
    *,
    matrix: Path | None,
    provider: str | None,
    cells: str | None,
    model: str | None,
    trust: bool,
    jobs: int | None,
    out: Path,
    store: Path | None,
    fresh: bool,
    as_json: bool,
) -> int:
    """Check files.

    Args:
        files: The user's files.
        matrix: Has the cells; the shipped default when None.
        provider: ``auto``, ``venv`` or ``docker``; what the matrix says when None.
        cells: Patterns of the cells wanted, or None.
        model: ``module:factory`` of the user's model, or None.
        trust: Whether the user trusts the files.
        jobs: Jobs at a time, or None for one a core.
        out: Where folders of checks land.
        store: Where results are kept; ``out/.store`` when None.
        fresh: Whether known results are ignored.
        as_json: Whether the record is printed as JSON.

    Returns:
        See :func:`exit_code`; when interrupted as ``run``.

    Raises:
        ckptmatrix.errors.ExpectedError: Nothing could be started.
        Exception: What ended a check before its time, once its record is written.
    """
    asked = load_matrix(matrix or default_matrix())
    chosen = None if model is None else find_model(model)
    limits = asked.limits.wire()
    given = open_given(files, memory_bytes=limits.memory_bytes)
    plan = plan_cells(asked, cells)
    shown = Console(stderr=True) if as_json else Console()
    name, note = choose_provider(
        provider or asked.hosts[0].provider, plan.usable, base=asked.build.base
    )
    require_consent(given, name, trust=trust)
    shown.print(Text(note), soft_wrap=True)
    folder = new_folder(out / "check")
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
            provider=make_provider(name, asked, folder.name),
            engine=LocalEngine(jobs),
            store=kept,
            board=board,
            scratch=scratch,
            log=folder / "jobs",
            limits=limits,
            timeout_s=asked.limits.timeout_s,
            observer=observer_digest(),
            case_files={},
            model=chosen,
            fresh=fresh,
            cancel=cancel,
        )
        with board:
            finished = drive_check(setting, plan, given, run_id=folder.name)
        _write(folder, finished)
    if as_json:
        click.echo(json.dumps({"folder": str(folder)} | to_json(finished.record), indent=1))
    else:
        _show(shown, folder, finished)
    if finished.record.status == "interrupted":
        return interrupts.exit_code or ExitCode.INTERRUPTED
    return exit_code(finished.record)


def default_matrix() -> Path:
    """The matrix of who names none."""
    return matrices() / "default.yaml"


def plan_cells(matrix: Matrix, cells: str | None) -> Plan:
    """A plan of a matrix's cells, without cases."""
    facts = load_facts()
    has_own_wheels = matrix.build.index is not None or matrix.build.find_links is not None
    return plan_matrix(
        matrix.name,
        matrix.cells if cells is None else select_cells(matrix.cells, cells),
        (),
        devices=matrix.devices,
        why_no_wheel=lambda cell: None if has_own_wheels else why_no_wheel(cell, facts),
        download_bytes=lambda cell: download_bytes(cell, facts),
        disk_use=disk_use,
    )


def exit_code(record: CheckRecord) -> ExitCode:
    """What a check tells its caller.

    Returns:
        ``GATE`` (1) when a cell that could be asked cannot load a file in any mode, sees something
        else in it than most, or cannot put it into the user's model as it is; else ``UNUSABLE``
        (3) when something could not be measured, or no cell could be asked; else ``COMPLETE``.
    """
    if any(_is_bad(file) for file in record.files):
        return ExitCode.GATE
    unmeasured = any(
        load.judgement.verdict is Verdict.ERROR for file in record.files for load in file.loads
    )
    unasked = any(
        all(file.loads_in(cell.id) is None for cell in record.cells) for file in record.files
    )
    untried = any(each.problem for file in record.files for each in file.models)
    return ExitCode.UNUSABLE if unmeasured or unasked or untried else ExitCode.COMPLETE


def _is_bad(file: CheckedFile) -> bool:
    cells = {load.cell for load in file.loads}
    return (
        any(file.loads_in(cell) is False for cell in cells)
        or any(load.judgement.verdict is Verdict.CHANGED for load in file.loads)
        or any(each.fitting is not None and not each.fitting.loads for each in file.models)
    )


def _write(folder: Path, finished: CheckFinished) -> None:
    """Write the record; of a check that failed, also raise what ended it."""

    def write() -> None:
        text = json.dumps(to_json(finished.record), indent=1) + "\n"
        write_atomic(folder / "check.md", check_markdown(finished.record))
        write_atomic(folder / "check.json", text)
        point_at(folder.parent / "latest", folder.name)

    if finished.failure is None:
        write()
        return
    # What ended it, a full disk say, may keep the record from being written as well.
    with suppress(ExpectedError, OSError):
        write()
    raise finished.failure


def _show(console: Console, folder: Path, finished: CheckFinished) -> None:
    record = finished.record
    print_check(record, console)
    console.print(
        f"\n{record.jobs} jobs started: {record.done} loads done, {record.reused} known before",
        highlight=False,
        soft_wrap=True,
    )
    if record.status == "interrupted":
        console.print(
            f"interrupted: what is finished is kept; the same command goes on with the "
            f"{finished.left} loads that are left",
            highlight=False,
            soft_wrap=True,
        )
    console.print(Text(f"report: {folder / 'check.md'}"), soft_wrap=True)
