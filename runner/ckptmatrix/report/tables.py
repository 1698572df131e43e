"""A run in a terminal, whose width and encoding decide how much a table says and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ckptmatrix.report.findings import find
from ckptmatrix.report.headline import verdict_counts
from ckptmatrix.report.squares import Grid, Square, counted, family_grid, pair_grid, usual
from ckptmatrix.report.text import counted_noun, plain
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ckptmatrix.record import RunRecord

__all__ = [
    "counts_line",
    "family_table",
    "finding_lines",
    "pair_table",
    "print_run",
    "shown",
    "symbol",
]

_ASCII = {
    Verdict.OK: "+",
    Verdict.CHANGED: "~",
    Verdict.FAILED: "x",
    Verdict.UNSUPPORTED: "-",
    Verdict.ERROR: "!",
    Verdict.ABORTED: "o",
}
_STYLES = {
    Verdict.OK: "green",
    Verdict.CHANGED: "bold magenta",
    Verdict.FAILED: "red",
    Verdict.UNSUPPORTED: "dim",
    Verdict.ERROR: "yellow",
    Verdict.ABORTED: "dim",
}
#: Follows the id of a cell whose controls misbehaved.
_UNTRUSTED = "?"
_SYMBOLS = "".join(verdict.symbol for verdict in Verdict)


def print_run(run: RunRecord, console: Console, *, most: int = 8) -> None:
    """Print what a run found.

    Args:
        run: What to print.
        console: Where.
        most: How many findings.
    """
    console.print(pair_table(run, console))
    console.print(family_table(run, console))
    console.print(counts_line(run, console))
    if found := finding_lines(run, console, most=most):
        console.print()
        for line in found:
            console.print(line, soft_wrap=True)


def pair_table(run: RunRecord, console: Console) -> Table:
    """Producers in rows, consumers in columns, which are numbered like the rows.

    Args:
        run: What to show.
        console: Where it will be printed.
    """
    untrusted = {cell.id for cell in run.cells if cell.trusted is False}
    grid = pair_grid(run)
    names = [
        f"{number:>2} {name}{_UNTRUSTED * (name in untrusted)}"
        for number, name in enumerate(grid.rows, 1)
    ]
    table = _grid_table(grid, names, "   saved by \\ loaded in", console)
    table.caption = (
        "the worst that is not as expected, and how many loads are good of those that apply"
    )
    if untrusted:
        table.caption += f"; {_UNTRUSTED} its controls misbehaved"
    return table


def family_table(run: RunRecord, console: Console) -> Table:
    """Families of cases in rows, consumers in columns, numbered as in :func:`pair_table`."""
    grid = family_grid(run)
    return _grid_table(grid, grid.rows, "family \\ loaded in", console)


def counts_line(run: RunRecord, console: Console) -> Text:
    """``✓ 1,367 ok  ≠ 40 changed  …``, and how many loads are not among them.

    Args:
        run: What to count.
        console: Where it will be printed.
    """
    line = Text()
    for verdict, count in verdict_counts(run).items():
        line.append(f"{_symbol(verdict, console)} {count:,} {verdict}", _STYLES[verdict])
        line.append("  ")
    if left_out := len(usual(run.outcomes)) - len(counted(run.outcomes)):
        noun = counted_noun(left_out, "load")
        line.append(f"({noun} of mistakes that all cells answer alike not counted)", "dim")
    line.rstrip()
    return line


def finding_lines(run: RunRecord, console: Console, *, most: int) -> list[Text]:
    """The most important findings, each with an example, its cause and what to do about it.

    Args:
        run: What was found.
        console: Where it will be printed, with ``soft_wrap=True``.
        most: How many to show.
    """
    every = find(run)
    lines = []
    for finding in every[:most]:
        line = symbol(finding.verdict, console)
        lines.append(line.append(f" {shown(finding.sentence, console)}", "default not bold"))
        if finding.example and finding.example not in finding.sentence:
            lines.append(Text(f"    {shown(plain(finding.example, 160), console)}", "dim"))
        advice = finding.advice
        for word, said in (("why", advice.cause), ("do", advice.cure)):
            if said:
                lines.append(Text(f"    {word}: {shown(plain(said, 400), console)}"))
    if len(every) > most:
        lines.append(Text(f"  and {len(every) - most} more in the report", "dim"))
    return lines


def _grid_table(grid: Grid, names: Sequence[str], corner: str, console: Console) -> Table:
    style = box.SIMPLE_HEAD if _can_encode(_SYMBOLS + "─", console) else box.ASCII2
    table = Table(box=style, pad_edge=False, caption_justify="left")
    table.add_column(corner, no_wrap=True)
    for number, _ in enumerate(grid.columns, 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    left = max(map(len, [corner, *names]))
    # A column has three characters beside its text: its border and a space on either side.
    room = (console.width - left) // max(len(grid.columns), 1) - 3
    for row, name in zip(grid.rows, names, strict=True):
        squares = (grid.squares[row, column] for column in grid.columns)
        table.add_row(name, *(_square(square, room, console) for square in squares))
    return table


def _square(square: Square, room: int, console: Console) -> Text:
    """As much as there is room for: ``✗ 41/57``, ``✗ 71%``, ``✗``."""
    if square.verdict is None:
        return Text("")
    symbol = _symbol(square.verdict, console)
    text = f"{symbol} {square.text}".strip()
    if len(text) > room and square.share is not None:
        # Rounded down: only what is wholly good may say 100%.
        text = f"{symbol} {100 * square.good // square.applies}%"
    if len(text) > room:
        text = symbol
    return Text(text, _STYLES[square.verdict])


def _symbol(verdict: Verdict, console: Console) -> str:
    return verdict.symbol if _can_encode(_SYMBOLS, console) else _ASCII[verdict]


def _can_encode(text: str, console: Console) -> bool:
    try:
        text.encode(console.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def symbol(verdict: Verdict, console: Console) -> Text:
    """The verdict's character in its colour, as the console can show it."""
    return Text(_symbol(verdict, console), _STYLES[verdict])


def shown(text: str, console: Console) -> str:
    """The text in the characters that the console can show."""
    if _can_encode(text, console):
        return text
    return text.replace("—", "-").replace("…", "...").encode("ascii", "backslashreplace").decode()
