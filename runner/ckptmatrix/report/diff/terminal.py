"""A diff in a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.summary import headline, title
from ckptmatrix.report.tables import shown, symbol
from ckptmatrix.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ckptmatrix.report.diff.compare import Diff
    from ckptmatrix.report.diff.groups import ChangeGroup

__all__ = ["print_diff"]

_MOST = 15
#: Of what was known before.
_MOST_STILL = 3
_MOST_PARTS = 8


def print_diff(
    diff: Diff, groups: Sequence[ChangeGroup], console: Console, *, every: bool = False
) -> None:
    """Print what changed.

    Args:
        diff: What was compared.
        groups: What :func:`ckptmatrix.report.diff.groups.groups` made of it.
        console: Where.
        every: Whether nothing is left out.
    """

    def say(text: str, style: str = "") -> None:
        console.print(Text(shown(text, console), style), soft_wrap=True)

    say(plain(headline(diff, groups), 1_000))
    for change, members in groupby(groups, key=lambda group: group.change):
        found = list(members)
        most = len(found) if every else _MOST_STILL if change is Change.STILL else _MOST
        console.print()
        say(title(change), "bold")
        for group in found[:most]:
            line = symbol(group.verdict, console)
            line.append(f" {shown(plain(group.sentence, 600), console)}", "default not bold")
            console.print(line, soft_wrap=True)
            if group.example and change is not Change.STILL:
                say(f"    {plain(group.example, 160)}", "dim")
            if group.cause and change is not Change.STILL:
                say(f"    why: {plain(group.cause, 400)}")
        if len(found) > most:
            say(f"  and {len(found) - most} more", "dim")
    if diff.environments:
        console.print()
        say("Environments that are not what they were", "bold")
        for cell, moved in groupby(diff.environments, key=lambda each: each.cell):
            said = [each.sentence for each in moved]
            most = len(said) if every else _MOST_PARTS
            more = f" and {len(said) - most} more" if len(said) > most else ""
            say(f"  {plain(cell)}: {plain(', '.join(said[:most]), 1_000)}{more}")
