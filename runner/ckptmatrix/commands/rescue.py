"""``ckptmatrix rescue``: a file that a cell cannot load, as one that it can."""

from __future__ import annotations

import json
import os
import shutil
import threading
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix import __version__
from ckptmatrix.archive.reading import Format
from ckptmatrix.atomic import unused_name
from ckptmatrix.commands.check import default_matrix, plan_cells
from ckptmatrix.commands.workplace import make_provider, new_folder
from ckptmatrix.engines.local import LocalEngine
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cells
from ckptmatrix.providers.pyz import observer_digest
from ckptmatrix.providers.select import choose_provider
from ckptmatrix.report.text import encodable, listed, plain
from ckptmatrix.run.given import open_given, require_consent
from ckptmatrix.run.interrupts import Interrupts
from ckptmatrix.run.prepare import Prepared
from ckptmatrix.run.progress import board_for
from ckptmatrix.run.resaves import containers_of
from ckptmatrix.run.rescue import drive_rescue
from ckptmatrix.run.scratch import own_scratch
from ckptmatrix.run.setting import Setting
from ckptmatrix.sidecar import (
    Sidecar,
    architecture_of_reading,
    environment_of,
    named,
    write_sidecar,
)
from ckptmatrix.store import Store
from ckptmatrix.store.atomic import write_atomic
from ckptmatrix.store.describe import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckptmatrix.matrix.model import Matrix
    from ckptmatrix.plan import Plan
    from ckptmatrix.run.given import GivenFile
    from ckptmatrix.run.rescue import Rescue, Route, Step

__all__ = ["rescue_command"]

_SHOWN = 12
#: A file saved again may be larger than it was: tensors that shared memory may not any more.
_GROWTH = 3


def rescue_command(
    path: Path,
    *,
    to: str,
    matrix: Path | None,
    provider: str | None,
    cells: str | None,
    output: Path | None,
    force: bool,
    trust: bool,
    jobs: int | None,
    reports: Path,
    store: Path | None,
    as_json: bool,
) -> int:
    """Rescue a file.

    Args:
        path: The file.
        to: Id, or a pattern of one id, of the cell that is to load it.
        matrix: Has the cells; the shipped default when None.
        provider: ``auto``, ``venv`` or ``docker``; what the matrix says when None.
        cells: Patterns of the cells that may help, or None; the target is always there.
        output: Where the new file goes; beside the old one when None.
        force: Whether a file that is there already may be replaced.
        trust: Whether the user trusts the file.
        jobs: Jobs at a time, or None for one a core.
        reports: Where folders of rescues land.
        store: Where results are kept; ``reports/.store`` when None.
        as_json: Whether the result is printed as JSON.

    Returns:
        0 when the target loads the file as it is, or loads the new file and sees the same; 1 when
        there is no way, or only one to a file that is not the same; 3 when the target cannot be
        used; when interrupted as ``run``.

    Raises:
        ckptmatrix.errors.ExpectedError: Nothing could be started, or the file not be written.
    """
    asked = load_matrix(matrix or default_matrix())
    (target,) = _target(asked, to)
    plan = replace(_plan(asked, cells, target), devices=("cpu",))
    limits = asked.limits.wire()
    (given,) = open_given([path], memory_bytes=limits.memory_bytes)
    limits = limits.model_copy(
        update={"file_bytes": max(limits.file_bytes, _GROWTH * given.checkpoint.bytes)}
    )
    goal = output or _beside(path, given, target)
    _require_free(goal, path, force=force)
    shown = Console(stderr=True) if as_json else Console()
    name, note = choose_provider(
        provider or asked.hosts[0].provider, plan.usable, base=asked.build.base
    )
    require_consent([given], name, trust=trust)
    shown.print(Text(note), soft_wrap=True)
    folder = new_folder(reports / "rescue")
    board = board_for(shown)
    cancel = threading.Event()
    prepared = Prepared()
    with (
        Interrupts(cancel, board.say) as interrupts,
        closing(Store(store or reports / ".store")) as kept,
        own_scratch() as scratch,
    ):
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
            cancel=cancel,
        )
        with board:
            found = drive_rescue(setting, plan, given, target, prepared)
        new = None if found.route is None else _deliver(found.route, goal)
    if found.route is not None and new is not None:
        _stamp(new, found.route, given, prepared)
    said = _as_json(found, given, new)
    write_atomic(folder / "rescue.json", json.dumps(said, indent=1) + "\n")
    if as_json:
        click.echo(json.dumps({"folder": str(folder)} | said, indent=1))
    else:
        for line, style in _story(found, given, new, prepared):
            indent = line[: len(line) - len(line.lstrip())]
            shown.print(Text(indent + encodable(plain(line, 600)), style), soft_wrap=True)
    if found.stopped:
        return interrupts.exit_code or ExitCode.INTERRUPTED
    if target not in prepared.usable:
        return ExitCode.UNUSABLE
    same = found.already is not None or (found.route is not None and not found.route.differences)
    return ExitCode.COMPLETE if same else ExitCode.GATE


def _target(matrix: Matrix, to: str) -> tuple[str]:
    found = select_cells(matrix.cells, to)
    if len(found) != 1:
        msg = f"--to {to} means {len(found)} cells: {listed([cell.id for cell in found])}; name one"
        raise UsageError(msg)
    return (found[0].id,)


def _plan(matrix: Matrix, cells: str | None, target: str) -> Plan:
    """The plan of the chosen cells, and of the target."""
    plan = plan_cells(matrix, None)
    if cells is None:
        return plan
    wanted = {cell.id for cell in select_cells(matrix.cells, cells)} | {target}
    return replace(plan, cells=tuple(each for each in plan.cells if each.cell.id in wanted))


def _beside(path: Path, given: GivenFile, target: str) -> Path:
    """A name beside the file; what is saved again is not always of the same kind."""
    real = named(path).absolute()
    same = given.reading.format not in {Format.SAFETENSORS, Format.DCP}
    return real.with_name(f"{real.stem}.for-{target}{real.suffix if same else '.pt'}")


def _require_free(goal: Path, path: Path, *, force: bool) -> None:
    """Refuse a name that is taken before anything is done for it."""
    if goal.exists() and path.exists() and goal.samefile(path):
        msg = f"{goal} is the file itself: give another --out"
        raise UsageError(msg)
    if goal.is_dir():
        msg = f"{goal} is a folder\n    fix: give --out the new file's own name: {goal / path.name}"
        raise UsageError(msg)
    if goal.exists() and not force:
        msg = f"{goal} is there already\n    fix: give another --out, or --force to replace it"
        raise UsageError(msg)
    if not goal.parent.is_dir() or not os.access(goal.parent, os.W_OK):
        msg = f"{goal.parent} is not a folder that can be written to: give another --out"
        raise UsageError(msg)


def _deliver(route: Route, goal: Path) -> Path:
    """Copy the new file to where the user wants it."""
    beside = unused_name(goal)
    try:
        shutil.copyfile(route.path, beside)
        if describe(beside).sha256 != route.sha256:
            msg = f"{goal} could not be written: what was copied is not what was saved"
            raise UsageError(msg)
        beside.replace(goal)
    except OSError as error:
        msg = f"{goal} cannot be written: {error.strerror}"
        raise UsageError(msg) from error
    finally:
        beside.unlink(missing_ok=True)
    return goal


def _stamp(new: Path, route: Route, given: GivenFile, prepared: Prepared) -> None:
    """Write the sidecar of the new file; it is as good without one, which is said."""
    last = next(
        usable for usable in prepared.usable.values() if usable.cell.id == route.steps[-1].cell
    )
    try:
        write_sidecar(
            new,
            Sidecar(
                sha256=route.sha256,
                bytes=new.stat().st_size,
                written=datetime.now(UTC),
                by=f"ckptmatrix {__version__}",
                environment=environment_of(last.facts),
                architecture=architecture_of_reading(given.reading),
                extra={
                    "rescued_from": given.checkpoint.sha256,
                    "route": [asdict(step) for step in route.steps],
                },
                cell=last.cell.id,
            ),
        )
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        note = encodable(plain(f"note: the sidecar of {new} cannot be written: {what}", 600))
        Console(stderr=True).print(Text(note, "yellow"), soft_wrap=True)


def _as_json(found: Rescue, given: GivenFile, new: Path | None) -> dict[str, Any]:
    route = found.route
    return {
        "format": 1,
        "file": str(given.path),
        "sha256": given.checkpoint.sha256,
        "target": found.target,
        "loads_already": found.already,
        "able": list(found.able),
        "new_file": None if new is None else str(new),
        "new_sha256": None if route is None else route.sha256,
        "route": None if route is None else [asdict(step) for step in route.steps],
        "mode": None if route is None else route.mode,
        "differences": [] if route is None else [asdict(each) for each in route.differences],
        "tried": [asdict(each) for each in found.tried],
        "stopped": found.stopped,
    }


def _story(
    found: Rescue, given: GivenFile, new: Path | None, prepared: Prepared
) -> Iterator[tuple[str, str]]:
    target = prepared.records.get(found.target)
    if target is not None and target.message:
        yield f"{found.target} cannot be used: {target.message}", "yellow"
        return
    if found.already is not None:
        how = f"{found.target} loads {given.path} as it is, in mode {found.already}"
        yield f"{how}: there is nothing to rescue", "green"
        return
    route = found.route
    if route is not None and new is not None:
        style = "bold magenta" if route.differences else "green"
        yield f"{new}: {found.target} loads it in mode {route.mode}", style
        yield f"  the way: {_way(route.steps, found.target)}", ""
        if not route.differences:
            yield "  it sees what the first cell saw of the original, to the last bit", "green"
            return
        yield "  it does not see the same:", "bold magenta"
        for each in route.differences[:_SHOWN]:
            place = each.path or "the object itself"
            yield f"    {each.what.value} at {place}: {each.before} → {each.after}", ""
        return
    if found.stopped:
        yield "interrupted before a way was found; the same command goes on", "yellow"
        return
    if not found.able:
        yield f"there is no way: no cell loads {given.path}", "red"
        return
    yield from _no_way(found, given)


def _no_way(found: Rescue, given: GivenFile) -> Iterator[tuple[str, str]]:
    yield f"there is no way into {found.target}; {listed(found.able)} load the file", "red"
    if not containers_of(given.case):
        yield f"  {given.case.title.lower()} is not saved again: its code is its own", ""
    for tried in found.tried[:_SHOWN]:
        yield f"  {_way(tried.steps, '')}: {tried.where}: {tried.why}", "dim"
    if len(found.tried) > _SHOWN:
        yield f"  and {len(found.tried) - _SHOWN} more ways", "dim"


def _way(steps: tuple[Step, ...], target: str) -> str:
    parts = [f"{step.cell} ({step.mode}, saved as {step.container})" for step in steps]
    return " → ".join([*parts, target] if target else parts)
