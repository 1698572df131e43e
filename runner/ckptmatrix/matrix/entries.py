"""What the entries of include and exclude mean, and what of them does not hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from ckptmatrix.matrix.cell import Cell, derive_id
from ckptmatrix.matrix.expand import AXES, Exclusion, with_derived_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.matrix import schema
    from ckptmatrix.matrix.expand import Axes, Expansion
    from ckptmatrix.matrix.source import Address, Source

__all__ = ["check_distinct", "exclusion", "explain_idle", "included"]


def exclusion(source: Source, at: int, rule: schema.Exclude) -> Exclusion:
    """An entry of exclude as the rule it stands for.

    Args:
        source: Takes the problem of a rule without a condition.
        at: The entry's place in the list.
        rule: What it says.
    """
    given = rule.model_dump(exclude_none=True)
    words = ", ".join(f"{name} {given[name] or 'any'}" for name in AXES if name in given)
    line = source.place(("exclude", at)).line
    if not given:
        source.problem(
            ("exclude", at),
            "this rule has no condition and would take out every cell",
            'write for example {python: ">=3.12", torch: "<2.2"}',
        )
    return Exclusion(**given, label=f"{words} (line {line})")


def explain_idle(source: Source, at: int, rule: schema.Exclude, axes: Axes | None) -> None:
    """Say why a rule takes nothing out: a rule with a slip must not pass for one that works.

    Args:
        source: Takes the problems.
        at: The entry's place in the list.
        rule: What it says; it matches no cell of the axes.
        axes: What it was to take cells from, None when the file has none.
    """
    address = ("exclude", at)
    if axes is None:
        source.problem(
            address,
            "this rule matches nothing: there are no axes, and exclude does not act on include",
            "remove the rule",
        )
        return
    for name in AXES:
        condition = getattr(rule, name)
        if condition is None:
            continue
        alone = Exclusion(**{name: condition})
        if not any(alone.matches(cell) for cell in axes.cells()):
            shown = ", ".join(value or "any" for value in getattr(axes, name))
            source.problem(
                (*address, name),
                f"this rule matches nothing: no {name} of the axes is "
                f"{condition or 'any'} (they are {shown})",
                "mend the condition, or remove the rule; exclude does not act on include",
            )


def included(source: Source, at: int, entry: schema.Include, *, platform: str) -> Cell | None:
    """An entry of include as the cell it stands for.

    Args:
        source: Takes the problems of keys that do not go together.
        at: The entry's place in the list.
        entry: What it says.
        platform: Of a cell that names none.

    Returns:
        The cell, None when it has a problem.
    """
    address = ("include", at)
    given = entry.model_dump(exclude_none=True)
    kinds = [kind for kind in ("debian", "image") if kind in given]
    before = len(source.problems)
    if len(kinds) > 1:
        source.problem(
            (*address, "image"),
            "a cell is either a Debian suite or an image, not both",
            "make two entries",
            key=True,
        )
    elif kinds:
        _foreign(source, address, given, kinds[0])
    else:
        _wheels(source, address, given)
    if len(source.problems) > before:
        return None
    cell = Cell(
        id=entry.id or "",
        python=entry.python,
        torch=entry.torch,
        cuda=entry.cuda or "default",
        numpy=entry.numpy or "",
        packages=tuple(sorted(str(Requirement(text)) for text in entry.packages)),
        platform=entry.platform or platform,
        debian=entry.debian,
        image=entry.image,
        interpreter=entry.interpreter,
    )
    return cell if entry.id else with_derived_id(cell)


def _foreign(source: Source, address: Address, given: Mapping[str, object], kind: str) -> None:
    """Check an entry whose suite or image brings its own versions."""
    what = {"debian": "a Debian suite", "image": "an image"}[kind]
    allowed = {"id", "platform", kind, "packages" if kind == "debian" else "interpreter"}
    for name in given:
        if name in allowed or not given[name]:
            continue
        source.problem(
            (*address, name),
            f"{name} cannot be chosen here: {what} brings what it has",
            f"remove {name}, or remove {kind}",
            key=True,
        )


def _wheels(source: Source, address: Address, given: Mapping[str, object]) -> None:
    missing = [name for name in ("python", "torch") if name not in given]
    if missing:
        source.problem(
            address,
            f"this cell lacks {' and '.join(missing)}",
            "give python and torch, or debian, or image",
        )
    if "interpreter" in given:
        source.problem(
            (*address, "interpreter"),
            "interpreter is the path of a Python inside an image, and there is no image",
            "remove it, or add image",
            key=True,
        )


def check_distinct(source: Source, expansion: Expansion, include: Mapping[int, Cell]) -> None:
    """Say which entries of include make a cell that is there already.

    Args:
        source: Takes the problems.
        expansion: All cells, the included ones last.
        include: The included cells by their entry's place in the list.
    """
    product = len(expansion.cells) - len(include)
    seen = {cell.id: "the axes make it already" for cell in expansion.cells[:product]}
    for at, cell in include.items():
        place = source.place(("include", at))
        if cell.id in seen:
            derived = cell.id == derive_id(cell)
            source.problem(
                ("include", at),
                f"the cell {cell.id} is in the matrix twice: {seen[cell.id]}",
                "remove one of the two, or give one an id of its own"
                if derived
                else "choose another id",
            )
        seen.setdefault(cell.id, f"it is also on line {place.line}")
