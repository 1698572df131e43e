"""Choosing cells and cases by patterns.

A pattern is a glob over names: ``py3.1*``, ``resume_*``. For cases, ``family:`` and a glob chooses
by family. On the command line patterns are separated by commas, and ``!`` in front of one takes
away what it matches, wherever it stands; without a pattern that adds, everything is there to begin
with.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol, TypeVar

from ckptmatrix.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ckptmatrix.matrix.cell import Cell

__all__ = [
    "NamedCase",
    "chosen_names",
    "matches_case",
    "select_cases",
    "select_cells",
    "split_patterns",
]

_FAMILY = "family:"


class NamedCase(Protocol):
    """What is known of a case here."""

    @property
    def name(self) -> str:
        """Its unique name."""
        ...

    @property
    def family(self) -> str:
        """Its group."""
        ...


_Case = TypeVar("_Case", bound=NamedCase)
_Item = TypeVar("_Item")


def split_patterns(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``"py3.1*,!debian-*"`` as what to take and what to leave.

    Args:
        text: An option's value.

    Returns:
        Patterns without ``!``, or ``*`` when there is none; patterns that had ``!``, without it.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    take = tuple(part for part in parts if not part.startswith("!"))
    leave = tuple(part.removeprefix("!").strip() for part in parts if part.startswith("!"))
    return take or ("*",), leave


def chosen_names(
    names: Iterable[str], text: str, matches: Callable[[str, str], bool] = fnmatchcase
) -> list[str]:
    """The names that patterns mean, in their order.

    Args:
        names: All there are.
        text: Patterns separated by commas.
        matches: Whether a name is what a pattern means.
    """
    take, leave = split_patterns(text)
    return [
        name
        for name in names
        if any(matches(name, pattern) for pattern in take)
        and not any(matches(name, pattern) for pattern in leave)
    ]


def select_cells(cells: Sequence[Cell], text: str) -> tuple[Cell, ...]:
    """The cells that ``--cells`` names, in their order.

    Args:
        cells: All there are.
        text: Patterns over ids, separated by commas.

    Raises:
        UsageError: A pattern matches no cell, or nothing is left.
    """
    take, leave = split_patterns(text)
    return _select(
        cells,
        take=take,
        leave=leave,
        matches=_by_id,
        names=[cell.id for cell in cells],
        where="--cells",
        what="cell",
    )


def select_cases(
    cases: Sequence[_Case],
    select: Iterable[str],
    exclude: Iterable[str] = (),
    *,
    where: str = "--cases",
) -> tuple[_Case, ...]:
    """The cases that are wanted, in the catalogue's order.

    Args:
        cases: All there are.
        select: Patterns that add.
        exclude: Patterns that take away.
        where: What the patterns are part of, for the message: an option, a key of a file.

    Raises:
        UsageError: A pattern matches no case, or nothing is left.
    """
    names = [case.name for case in cases]
    names += dict.fromkeys(_FAMILY + case.family for case in cases)
    return _select(
        cases,
        take=tuple(select),
        leave=tuple(exclude),
        matches=_by_name_or_family,
        names=names,
        where=where,
        what="case",
    )


def _by_id(cell: Cell, pattern: str) -> bool:
    return fnmatchcase(cell.id, pattern)


def matches_case(name: str, family: str, pattern: str) -> bool:
    """Whether a pattern means the case, by its name or by its family."""
    if pattern.startswith(_FAMILY):
        return fnmatchcase(family, pattern.removeprefix(_FAMILY))
    return fnmatchcase(name, pattern)


def _by_name_or_family(case: NamedCase, pattern: str) -> bool:
    return matches_case(case.name, case.family, pattern)


def _select(
    items: Sequence[_Item],
    *,
    take: tuple[str, ...],
    leave: tuple[str, ...],
    matches: Callable[[_Item, str], bool],
    names: list[str],
    where: str,
    what: str,
) -> tuple[_Item, ...]:
    for pattern in (*take, *leave):
        if not any(matches(item, pattern) for item in items):
            raise UsageError(_nothing(pattern, names, where, what))
    chosen = tuple(
        item
        for item in items
        if any(matches(item, pattern) for pattern in take)
        and not any(matches(item, pattern) for pattern in leave)
    )
    if not chosen:
        msg = f"{where}: no {what} is left: everything selected is excluded again"
        raise UsageError(msg)
    return chosen


def _nothing(pattern: str, names: list[str], where: str, what: str) -> str:
    message = f"{where}: «{pattern}» matches no {what}"
    close = get_close_matches(pattern, names, n=3, cutoff=0.5)
    if close:
        return f"{message}; did you mean {', '.join(close)}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")  # noqa: PLR2004 - one line
    return f"{message}; there are {shown}"
