"""Matrix file and options to a plan: what ``run`` and ``plan`` have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ckptmatrix.catalogue import builtin_paths, read_cases, user_cases
from ckptmatrix.judge.controls import CONTROLS
from ckptmatrix.judge.policy import expectation_of, policy_of
from ckptmatrix.matrix.disk import disk_use
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.selection import select_cases, select_cells, split_patterns
from ckptmatrix.matrix.wheels import download_bytes, load_facts, why_no_wheel
from ckptmatrix.plan import Plan, plan_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.matrix.model import Matrix

__all__ = ["Planned", "plan_file"]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan and where it comes from.

    Attributes:
        matrix: The checked matrix.
        plan: What a run of it does.
        case_files: User's case files by their module name in the cell.
    """

    matrix: Matrix
    plan: Plan
    case_files: dict[str, Path]


def plan_file(path: Path, *, cells: str | None = None, cases: str | None = None) -> Planned:
    """Read a matrix file and plan it.

    Args:
        path: The file.
        cells: Patterns of the cells wanted, separated by commas; None for all.
        cases: The same for cases; None for what the matrix selects.

    Raises:
        MatrixError: The file is wrong.
        UsageError: A case file is wrong, or a pattern matches nothing.
    """
    matrix = load_matrix(path)
    everything = read_cases([*builtin_paths(), *matrix.cases.files])
    for case in everything:
        policy_of(case)
        expectation_of(case, None)
    chosen = select_cases(
        everything, matrix.cases.select, matrix.cases.exclude, where=f"{path}: cases"
    )
    if cases is not None:
        chosen = select_cases(chosen, *split_patterns(cases))
    facts = load_facts()
    has_own_wheels = matrix.build.index is not None or matrix.build.find_links is not None
    plan = plan_matrix(
        matrix.name,
        matrix.cells if cells is None else select_cells(matrix.cells, cells),
        chosen,
        devices=matrix.devices,
        left_out=[(left.cell.id, left.rule) for left in matrix.left_out],
        controls=[case for case in everything if case.name in CONTROLS],
        why_no_wheel=lambda cell: None if has_own_wheels else why_no_wheel(cell, facts),
        download_bytes=lambda cell: download_bytes(cell, facts),
        disk_use=disk_use,
    )
    needed = {case.module for case in plan.cases}
    modules = {user_cases(file)[0].module: file for file in matrix.cases.files}
    case_files = {module: file for module, file in modules.items() if module in needed}
    return Planned(matrix=matrix, plan=plan, case_files=case_files)
