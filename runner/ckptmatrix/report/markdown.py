"""A run as Markdown, for a pull request or a job summary.

GitHub refuses a step's summary above 1 MiB, so this is bounded; see «Workflow commands» in GitHub's
documentation of Actions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ckptmatrix.report.diff.markdown import diff_markdown
from ckptmatrix.report.findings import find
from ckptmatrix.report.headline import headline, verdict_counts
from ckptmatrix.report.predictions import score_rows, score_run
from ckptmatrix.report.squares import Grid, family_grid, pair_grid
from ckptmatrix.report.text import code, plain
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.diff.compare import Diff

__all__ = ["LIMIT", "render_markdown"]

#: Most bytes of the whole text.
LIMIT = 900_000
_MOST_FINDINGS = 50
_MOST_WRONG = 10


def render_markdown(run: RunRecord, diff: Diff | None = None, *, limit: int = LIMIT) -> str:
    """The report's headline, what changed, findings and tables.

    Args:
        run: A run that has ended.
        diff: What is not as it was in the baseline, where there is one.
        limit: Most bytes; tables that do not fit are left out, which is said.
    """
    top = [
        f"# ckptmatrix: {_text(run.matrix)}",
        headline(run),
        _counts(run),
    ]
    sections = [
        *([("What changed since the baseline", diff_markdown(diff))] if diff is not None else []),
        ("Findings", _findings(run)),
        ("Saved by (rows), loaded in (columns)", _grid(pair_grid(run), "saved by")),
        ("Families", _grid(family_grid(run), "family")),
        ("Predictions", _predictions(run)),
        ("Cells", _cells(run)),
    ]
    text = "\n\n".join(top) + "\n"
    for title, body in sections:
        part = f"\n## {title}\n\n{body}\n"
        if len((text + part).encode()) > limit:
            part = f"\n## {title}\n\nToo large for this file: see `report.html`.\n"
        text += part
    return text


def _text(text: str) -> str:
    """Any short text outside a code span."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~@&:-])", r"\\\1", plain(text, 200))


def _counts(run: RunRecord) -> str:
    counts = verdict_counts(run)
    rows = [[f"{verdict.symbol} {verdict}", f"{count:,}"] for verdict, count in counts.items()]
    return _table(["verdict", "loads"], rows)


def _findings(run: RunRecord) -> str:
    every = find(run)
    if not every:
        return "Nothing: every load is as expected."
    lines = []
    for finding in every[:_MOST_FINDINGS]:
        # Names in a sentence come from files and cells, so all of it is a code span but the symbol.
        lines.append(f"- **{finding.verdict.symbol}** {code(finding.sentence, 600)}")
        if finding.example and finding.example not in finding.sentence:
            lines.append(f"  {code(finding.example)}")
        advice = finding.advice
        for word, said in (("why", advice.cause), ("do", advice.cure), ("see", advice.reference)):
            if said:
                lines.append(f"  - {word}: {code(said, 600)}")
    if len(every) > _MOST_FINDINGS:
        lines.append(f"- and {len(every) - _MOST_FINDINGS} more in `report.html`")
    return "\n".join(lines)


def _predictions(run: RunRecord) -> str:
    scores = score_run(run)
    rows = score_rows(scores)
    if not rows:
        return "Nothing was predicted: no file was read."
    lines = [_table(["loads of", "loads", "precision", "recall", "right", "all «loads»"], rows)]
    if scores.wrong:
        lines.append("Wrong most often, of all in `predictions.json`:\n")
        lines[-1] += "".join(f"\n- {code(w.sentence, 600)}" for w in scores.wrong[:_MOST_WRONG])
    return "\n\n".join(lines)


def _grid(grid: Grid, corner: str) -> str:
    numbered = grid.rows == grid.columns
    heads = [str(number) for number, _ in enumerate(grid.columns, 1)]
    rows = []
    for number, row in enumerate(grid.rows, 1):
        squares = [grid.squares[row, column] for column in grid.columns]
        texts = (f"{s.verdict.symbol} {s.text}".strip() if s.verdict else "" for s in squares)
        rows.append([f"{number} {code(row)}" if numbered else code(row), *texts])
    return _table([corner, *heads], rows)


def _cells(run: RunRecord) -> str:
    rows = []
    for number, cell in enumerate(run.cells, 1):
        facts = cell.facts
        said = [facts.python, facts.torch or "", facts.numpy or ""] if facts else ["", "", ""]
        state = cell.verdict.symbol if cell.verdict is not Verdict.OK else ""
        why = code(f"{cell.reason or ''} {cell.message}".strip())
        rows.append([str(number), code(cell.id), *map(code, said), f"{state} {why}".strip()])
    return _table(["", "cell", "Python", "torch", "NumPy", "problem"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
