"""A diff as Markdown, for a pull request or a job summary."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.diff.summary import headline, title
from ckptmatrix.report.text import code

if TYPE_CHECKING:
    from ckptmatrix.report.diff.compare import Diff

__all__ = ["diff_markdown"]

_MOST = 20
#: Of what was known before.
_MOST_STILL = 10
#: Cells that moved, and what moved in one.
_MOST_CELLS, _MOST_MOVED = 20, 30


def diff_markdown(diff: Diff) -> str:
    """What changed since the baseline: a sentence, and a list for each kind of change.

    Args:
        diff: What was compared.
    """
    found = groups(diff)
    lines = [code(headline(diff, found), 1_000), ""]
    for change, members in groupby(found, key=lambda group: group.change):
        every = list(members)
        most = _MOST_STILL if change is Change.STILL else _MOST
        lines += [f"### {title(change)}", ""]
        for group in every[:most]:
            # Names in a sentence come from files and cells, so all of it is a code span.
            lines.append(f"- **{group.verdict.symbol}** {code(group.sentence, 600)}")
            if group.example and group.change is not Change.STILL:
                lines.append(f"  {code(group.example)}")
            if group.cause:
                lines.append(f"  - why: {code(group.cause, 600)}")
        if len(every) > most:
            lines.append(f"- and {len(every) - most} more")
        lines.append("")
    if diff.environments:
        lines += ["### Environments that are not what they were", ""]
        cells = [
            (cell, [each.sentence for each in moved])
            for cell, moved in groupby(diff.environments, key=lambda each: each.cell)
        ]
        for cell, said in cells[:_MOST_CELLS]:
            more = f" and {len(said) - _MOST_MOVED} more" if len(said) > _MOST_MOVED else ""
            lines.append(f"- {code(cell)}: {code(', '.join(said[:_MOST_MOVED]), 1_000)}{more}")
        if len(cells) > _MOST_CELLS:
            lines.append(f"- and {len(cells) - _MOST_CELLS} more cells")
        lines.append("")
    return "\n".join(lines)
