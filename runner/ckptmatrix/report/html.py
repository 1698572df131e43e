"""A run as one page that needs nothing beside it: no network, no script.

Everything a cell chose is text: escaped, bounded, and stripped of characters that act on their
neighbours. A Content-Security-Policy forbids all but the page's own style sheet, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ckptmatrix.report.advice import cure_line
from ckptmatrix.report.findings import find
from ckptmatrix.report.headline import headline, verdict_counts
from ckptmatrix.report.html_changes import changes
from ckptmatrix.report.predictions import score_rows, score_run
from ckptmatrix.report.squares import (
    Grid,
    Square,
    applies,
    family_grid,
    fold,
    is_good,
    pair_grid,
    usual,
)
from ckptmatrix.report.text import counted_noun, plain
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ckptmatrix.judge.outcome import Diagnosis, Outcome
    from ckptmatrix.record import CellRecord, RunRecord
    from ckptmatrix.report.diff.compare import Diff

__all__ = ["render_html"]

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_MOST_FINDINGS = 40
_MOST_WRONG = 10
#: Lines of evidence on the whole page; beyond a few thousand a browser becomes slow.
_MOST_LINES = 6_000
_MESSAGE = 240
_MOST_CURES = 4


def render_html(run: RunRecord, diff: Diff | None = None) -> str:
    """The report's page.

    Args:
        run: A run that has ended.
        diff: What is not as it was in the baseline, where there is one.
    """
    style = _style()
    findings = find(run)
    grid = pair_grid(run)
    return _template().render(
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        matrix=plain(run.matrix, 100),
        facts=_facts(run),
        headline=headline(run),
        changes=None if diff is None else changes(diff),
        counts=list(verdict_counts(run).items()),
        findings=[
            {
                "verdict": finding.verdict,
                "headline": finding.headline,
                "where": finding.where,
                "loads": counted_noun(finding.loads, "load") if finding.loads else "",
                "example": plain(finding.example, _MESSAGE)
                if finding.example not in finding.headline
                else "",
                "advice": _advice(
                    finding.advice.cause, [finding.advice.cure], finding.advice.reference
                ),
            }
            for finding in findings[:_MOST_FINDINGS]
        ],
        more_findings=max(0, len(findings) - _MOST_FINDINGS),
        pairs=_grid(
            grid,
            corner="saved by",
            caption="Rows saved, columns loaded; both are numbered alike. Each square shows the "
            "worst verdict that is not as expected, and how many of the loads that apply are good.",
            linked=True,
        ),
        families=_grid(
            family_grid(run),
            corner="family",
            caption="The same by family of cases and the cell that loaded.",
            linked=False,
        ),
        predictions=_predictions(run),
        details=_details(grid),
        cells=[_cell(cell) for cell in run.cells],
        cases=_cases(run),
        footer=f"Written by ckptmatrix {plain(run.ckptmatrix, 50)}. "
        "A load is good when it is as its case expects: a damaged file that is refused is good.",
    )


@cache
def _style() -> str:
    return (_TEMPLATES / "run.css").read_text("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("run.html.j2")


def _shown(value: object) -> object:
    """What the template puts on the page: text is made plain, so that no name can be forgotten."""
    return plain(value, 20_000) if type(value) is str else value


def _facts(run: RunRecord) -> str:
    parts = [run.status, f"started {run.started:%Y-%m-%d %H:%M %Z}".rstrip()]
    if run.ended is not None:
        parts.append(f"took {_duration((run.ended - run.started).total_seconds())}")
    parts.append(f"provider {run.provider}" + (f" ({run.provider_note})" * bool(run.provider_note)))
    counts = run.counts
    done, reused = counts.saves + counts.loads, counts.reused_saves + counts.reused_loads
    parts.append(f"{done:,} results measured, {reused:,} known from earlier runs")
    return plain(" · ".join(parts), 500)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass(frozen=True, kw_only=True)
class _Head:
    name: str
    head: str


def _grid(grid: Grid, *, corner: str, caption: str, linked: bool) -> dict[str, Any]:
    same = grid.rows == grid.columns
    return {
        "corner": corner,
        "caption": caption,
        "columns": [
            _Head(name=name, head=str(number) if same or len(grid.columns) > 1 else name)
            for number, name in enumerate(grid.columns, 1)
        ],
        "rows": [
            {
                "head": f"{r} {row}" if same else row,
                "squares": [
                    _square(grid.squares[row, column], _anchor(r, c) if linked else "")
                    for c, column in enumerate(grid.columns, 1)
                ],
            }
            for r, row in enumerate(grid.rows, 1)
        ],
    }


def _anchor(row: int, column: int) -> str:
    return f"square-{row}-{column}"


def _square(square: Square, anchor: str) -> dict[str, Any]:
    classes = str(square.verdict or "none")
    # Rounded down: only a square that is wholly good has a full bar.
    classes += " empty" if square.share is None else f" w{int(10 * square.share)}"
    return {
        "verdict": square.verdict,
        "text": square.text,
        "classes": classes,
        "anchor": anchor,
    }


def _details(grid: Grid) -> list[dict[str, Any]]:
    shown = {pair: square for pair, square in grid.squares.items() if square.verdict is not None}
    most = max(5, _MOST_LINES // max(1, len(shown)))
    details = []
    for (producer, consumer), square in shown.items():
        bad = [o for o in square.outcomes if not is_good(o) and _is_problem(o)]
        lines = _lines(bad)
        details.append(
            {
                "anchor": _anchor(grid.rows.index(producer) + 1, grid.columns.index(consumer) + 1),
                "producer": producer,
                "consumer": consumer,
                "verdict": square.verdict,
                "text": square.text,
                "versions": next((o.diagnosis.versions for o in bad if o.diagnosis), ""),
                "bad": lines[:most],
                "more": max(0, len(lines) - most),
                "others": _others(o for o in square.outcomes if not _is_problem(o)),
            }
        )
    return details


def _is_problem(outcome: Outcome) -> bool:
    """Whether it is listed on its own line, with its message."""
    if applies(outcome):
        return not outcome.judgement.as_expected
    return outcome.judgement.verdict is Verdict.ERROR


def _lines(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """One line for all modes of a case that end alike."""
    alike: defaultdict[tuple[str, Any, Any, str, Diagnosis | None], list[str]] = defaultdict(list)
    for outcome in outcomes:
        judgement = outcome.judgement
        message = judgement.message
        if not message and judgement.differences:
            first = judgement.differences[0]
            message = f"{first.path}: {first.before} → {first.after}"
        said = plain(message, _MESSAGE)
        key = (outcome.case, judgement.verdict, judgement.reason, said, outcome.diagnosis)
        mode = outcome.mode.value
        alike[key].append(mode if outcome.device == "cpu" else f"{mode} ({outcome.device})")
    lines = [
        {
            "case": case,
            "modes": ", ".join(dict.fromkeys(modes)),
            "verdict": verdict,
            "reason": reason or verdict,
            "message": message,
            "advice": _advised(diagnosis),
        }
        for (case, verdict, reason, message, diagnosis), modes in alike.items()
    ]
    return sorted(lines, key=lambda line: -line["verdict"].severity)


def _advised(diagnosis: Diagnosis | None) -> dict[str, Any] | None:
    """What one load is told."""
    if diagnosis is None or not diagnosis.is_known:
        return None
    cures = [cure_line(cure) for cure in diagnosis.cures[:_MOST_CURES]]
    return _advice(diagnosis.cause, cures, diagnosis.reference)


def _advice(cause: str, cures: Sequence[str], reference: str) -> dict[str, Any] | None:
    """Cause, what to do and the source, as text; None when nothing is known."""
    if not cause:
        return None
    return {
        "cause": plain(cause, 600),
        "cures": [plain(cure, 400) for cure in cures if cure],
        "reference": plain(reference, 200),
    }


def _others(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What needs no evidence: how many, and which cases."""
    groups: defaultdict[tuple[Verdict, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        verdict, reason = outcome.judgement.verdict, outcome.judgement.reason
        groups[verdict, f"{verdict}: {reason}" if reason else str(verdict)].append(outcome)
    return [
        {
            "verdict": verdict,
            "title": f"{title}, {counted_noun(len(group), 'load')}"
            + (", as expected" if verdict in {Verdict.FAILED, Verdict.CHANGED} else ""),
            "cases": ", ".join(dict.fromkeys(outcome.case for outcome in group)),
        }
        for (verdict, title), group in groups.items()
    ]


def _predictions(run: RunRecord) -> dict[str, Any]:
    scores = score_run(run)
    return {
        "rows": score_rows(scores),
        "wrong": [each.sentence for each in scores.wrong[:_MOST_WRONG]],
    }


def _cell(cell: CellRecord) -> dict[str, Any]:
    facts = cell.facts
    notes = [*cell.notes]
    if cell.verdict is not Verdict.OK:
        notes.insert(0, f"{cell.reason or cell.verdict}: {cell.message}")
    if cell.trusted is False:
        notes.insert(0, f"not to be trusted: {cell.distrust or 'its controls misbehaved'}")
    if cell.declared != cell.id:
        notes.append(f"declared as {cell.declared}")
    gpus = f", {', '.join(facts.gpus)}" if facts and facts.gpus else ""
    return {
        "id": cell.id,
        "verdict": cell.verdict,
        "python": plain(facts.python, 40) if facts else "",
        "torch": plain(facts.torch or "", 60) if facts else "",
        "cuda": plain(facts.torch_cuda or facts.torch_hip or "none", 40) if facts else "",
        "numpy": plain(facts.numpy or "none", 40) if facts else "",
        "platform": plain(f"{facts.machine}, {facts.libc}{gpus}", 200) if facts else "",
        "notes": [plain(note, 600) for note in notes],
    }


def _cases(run: RunRecord) -> list[dict[str, Any]]:
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in run.outcomes:
        outcomes[outcome.case].append(outcome)
    rows = []
    for name, (family, title) in run.cases.items():
        square = fold(usual(outcomes[name]))
        rows.append(
            {
                "name": name,
                "family": family,
                "title": plain(title, 200),
                "verdict": square.verdict or Verdict.UNSUPPORTED,
                "text": square.text,
            }
        )
    return rows
