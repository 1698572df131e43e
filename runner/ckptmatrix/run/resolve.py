"""What a cell turned out to be, and whether that is what its id says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ckptmatrix.matrix.cell import release_of
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.wire import Facts

__all__ = ["mismatch", "resolve_cell"]


def resolve_cell(declared: Cell, installed: Cell, facts: Facts) -> Cell:
    """The cell whose id outcomes carry.

    Args:
        declared: The cell of the matrix.
        installed: What the provider says it made; another ``cuda`` when it had to fall back.
        facts: What the cell says of itself.

    Returns:
        ``declared`` when the fallback happened to be the build asked for, else ``installed``.
    """
    return declared if not _wrong_build(declared, facts) else installed


def mismatch(cell: Cell, facts: Facts) -> tuple[Reason, str] | None:
    """Compare a cell's id with what it says it is.

    Args:
        cell: The resolved cell.
        facts: Its ``hello``.

    Returns:
        None when they agree, else a reason and one sentence.
    """
    if facts.torch is None:
        why = facts.torch_error.strip().splitlines()
        return Reason.IMPORT_FAILED, f"torch cannot be imported: {why[-1] if why else 'no reason'}"
    wrong = []
    if cell.python is not None and release_of(facts.python)[:2] != release_of(cell.python)[:2]:
        wrong.append(f"Python is {facts.python}, not {cell.python}")
    if cell.torch is not None and not _same_release(cell.torch, facts.torch):
        wrong.append(f"torch is {facts.torch}, not {cell.torch}")
    if build := _wrong_build(cell, facts):
        wrong.append(build)
    if cell.numpy and (
        facts.numpy is None or not SpecifierSet(cell.numpy).contains(facts.numpy, prereleases=True)
    ):
        wrong.append(f"NumPy is {facts.numpy or 'absent'}, not {cell.numpy}")
    installed = {canonicalize_name(package.name): package.version for package in facts.packages}
    environment = _marker_environment(facts)
    for text in cell.packages:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        version = installed.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version or 'absent'}, not {text}")
    return (Reason.ENVIRONMENT_MISMATCH, "; ".join(wrong)) if wrong else None


def _marker_environment(facts: Facts) -> dict[str, str]:
    """What markers ask about, of a cell: every cell runs on Linux."""
    return {
        "implementation_name": facts.implementation.lower(),
        "implementation_version": facts.python,
        "os_name": "posix",
        "platform_machine": facts.machine,
        "platform_python_implementation": facts.implementation,
        "platform_system": "Linux",
        "python_full_version": facts.python,
        "python_version": ".".join(facts.python.split(".")[:2]),
        "sys_platform": "linux",
    }


def _same_release(asked: str, found: str) -> bool:
    a, b = release_of(asked), release_of(found)
    width = max(len(a), len(b))
    return a + (0,) * (width - len(a)) == b + (0,) * (width - len(b))


def _wrong_build(cell: Cell, facts: Facts) -> str:
    if cell.cuda == "cpu" and (facts.torch_cuda or facts.torch_hip):
        return f"torch is built for CUDA {facts.torch_cuda or facts.torch_hip}, not for the CPU"
    if cell.cuda not in {"cpu", "default"} and not _same_release(cell.cuda, facts.torch_cuda or ""):
        return f"torch is built for CUDA {facts.torch_cuda or 'none'}, not {cell.cuda}"
    return ""
