"""What earlier runs saw already of a plan, by their records and their store; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ckptmatrix.errors import UsageError
from ckptmatrix.report.folder import read_run
from ckptmatrix.run.phases import has_device
from ckptmatrix.store.keys import LoadKey, SaveKey, environment_digest
from ckptmatrix.store.peek import has_checkpoint, peek_results

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ckptmatrix.plan import Load, Plan, Save
    from ckptmatrix.wire import Checkpoint, Facts, Limits

__all__ = ["Known", "count_known", "facts_of_runs"]

#: Records of runs that are looked at, from the newest on.
_RUNS = 50


@dataclass(frozen=True, kw_only=True)
class Known:
    """How much of a plan is known, and how much is left.

    Attributes:
        saves: Saves whose result is known.
        loads: Loads whose result is known.
        left_saves: Saves to do.
        left_loads: Loads to do.
        left_jobs: Starts of the cell program.
        exact: Whether what is left is just that, not at most that: what every cell is, is known
            from an earlier run, and so is every checkpoint.
    """

    saves: int
    loads: int
    left_saves: int
    left_loads: int
    left_jobs: int
    exact: bool


def facts_of_runs(folder: Path, *, provider: str, cells: set[str]) -> dict[str, Facts]:
    """What cells were when they were last used.

    Args:
        folder: Of the runs of one matrix: ``reports/<matrix>``.
        provider: Only of runs with this provider.
        cells: Declared ids.

    Returns:
        Declared id → facts, of the newest run that has them.
    """
    found: dict[str, Facts] = {}
    records = sorted(folder.glob("*/run.json"), reverse=True)
    runs = [each.parent for each in records if not each.parent.is_symlink()]
    for run in runs[:_RUNS]:
        if cells <= found.keys():
            break
        try:
            record = read_run(run, outcomes=False)
        except UsageError:
            continue
        for cell in record.cells if record.provider == provider else ():
            if cell.facts is not None and cell.declared in cells:
                found.setdefault(cell.declared, cell.facts)
    return found


def count_known(
    plan: Plan,
    facts: Mapping[str, Facts],
    store: Path,
    *,
    observer: str,
    limits: Limits,
    timeout_s: float,
) -> Known:
    """Count what is known of a plan.

    Args:
        plan: What is to be done.
        facts: Declared id → what the cell was in an earlier run.
        store: Folder of the store; it need not exist, and it is not changed.
        observer: Digest of the cell program without its cases.
        limits: What a task may use.
        timeout_s: Seconds for one attempt.
    """
    cost = plan.cost()
    usable = {cell.id for cell in plan.usable}
    here = _among(plan, usable & facts.keys())
    digests = {cell.id: environment_digest(facts[cell.id]) for cell in here.usable}
    case = {each.name: each.digest for each in here.cases}
    save_keys = {
        save: SaveKey(
            environment=digests[save.producer],
            case=case[save.case],
            observer=observer,
            device=save.device,
            limits=limits,
            timeout_s=timeout_s,
        ).digest
        for save in here.saves()
        if has_device(facts[save.producer], save.device)
    }
    results = peek_results(store, save_keys.values())
    saved: dict[Save, Checkpoint | None] = {}
    for save, key in save_keys.items():
        if key in results:
            kept = results[key][-1].checkpoint
            if kept is None or has_checkpoint(store, kept.sha256, plan.case(save.case).filename):
                saved[save] = kept
    load_keys: dict[Load, str] = {}
    never = 0
    for load in here.loads():
        if load.source not in save_keys or not has_device(facts[load.consumer], load.device):
            never += 1
        elif load.source in saved:
            checkpoint = saved[load.source]
            if checkpoint is None:
                never += 1
                continue
            load_keys[load] = LoadKey(
                checkpoint=checkpoint.sha256,
                environment=digests[load.consumer],
                case=case[load.case],
                observer=observer,
                mode=load.mode,
                device=load.device,
                limits=limits,
                timeout_s=timeout_s,
            ).digest
    done = peek_results(store, load_keys.values())
    loads = sum(key in done for key in load_keys.values())
    left_saves = cost.saves - len(saved) - (len(list(here.saves())) - len(save_keys))
    unknown = len(usable) - len(here.cells)
    exact = not unknown and len(saved) == len(save_keys)
    # A cell is asked again what it is when nothing is known of it with this cell program.
    probes = usable - {save.producer for save in saved}
    save_jobs = {(save.producer, save.device) for save in save_keys if save not in saved}
    if exact:
        load_jobs = {
            (load.consumer, load.device) for load, key in load_keys.items() if key not in done
        }
    else:
        load_jobs = {(save.producer, save.device) for save in save_keys}
    return Known(
        saves=len(saved),
        loads=loads,
        left_saves=left_saves,
        left_loads=cost.loads - loads - never,
        left_jobs=unknown * 2 * len(plan.devices) + len(probes) + len(save_jobs) + len(load_jobs),
        exact=exact,
    )


def _among(plan: Plan, cells: set[str]) -> Plan:
    """The part of a plan that concerns some of its cells alone."""
    return replace(plan, cells=tuple(each for each in plan.cells if each.cell.id in cells))
