"""How causes and cures are shown, wherever findings are."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ckptmatrix import load_run
from ckptmatrix.judge.outcome import Cure, Diagnosis
from ckptmatrix.report.findings import find
from ckptmatrix.report.folder import write_run
from ckptmatrix.report.headline import verdict_counts
from ckptmatrix.report.html import render_html
from ckptmatrix.report.markdown import render_markdown
from ckptmatrix.report.squares import counted, pair_grid
from ckptmatrix.report.tables import counts_line, print_run
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from ckptmatrix.record import RunRecord

HOSTILE = "<script>alert(1)</script> [red] `x` \u202e"


def diagnosed(run: RunRecord, cause: str = "NumPy 2 wrote numpy._core") -> RunRecord:
    """The run, in which what failed because of NumPy has a diagnosis."""
    diagnosis = Diagnosis(
        signature="numpy-core-renamed",
        cause=cause,
        cures=(
            Cure(where="save", text="save Python numbers", verified=True, by="plain_values"),
            Cure(where="version", text="load with NumPy 1.26.1 or newer"),
        ),
        reference="numpy#24906",
        versions="saved with torch 2.6.0; loaded with torch 1.7.1",
    )
    return replace(
        run,
        outcomes=tuple(
            replace(each, diagnosis=diagnosis)
            if each.judgement.reason is Reason.MISSING_MODULE
            else each
            for each in run.outcomes
        ),
    )


def printed(run: RunRecord) -> str:
    stream = io.StringIO()
    print_run(run, Console(file=stream, width=200, color_system=None))
    return stream.getvalue()


def test_a_finding_has_its_cause_the_best_cure_and_the_source(run: RunRecord) -> None:
    (finding,) = (each for each in find(diagnosed(run)) if each.reason is Reason.MISSING_MODULE)
    assert finding.advice.cause == "NumPy 2 wrote numpy._core"
    assert finding.advice.cure == "save Python numbers (verified here)"
    assert finding.advice.reference == "numpy#24906"


def test_a_terminal_says_why_and_what_to_do(run: RunRecord) -> None:
    text = printed(diagnosed(run))
    assert "    why: NumPy 2 wrote numpy._core\n" in text
    assert "    do: save Python numbers (verified here)\n" in text


def test_markdown_says_why_what_to_do_and_where_to_look(run: RunRecord) -> None:
    text = render_markdown(diagnosed(run))
    assert "  - why: `NumPy 2 wrote numpy._core`\n" in text
    assert "  - do: `save Python numbers (verified here)`\n" in text
    assert "  - see: `numpy#24906`" in text


def test_the_page_says_it_at_findings_and_at_every_load(run: RunRecord) -> None:
    page = render_html(diagnosed(run))
    assert page.count("NumPy 2 wrote numpy._core") == 3
    assert "when saving: save Python numbers (verified here)" in page
    assert "another version: load with NumPy 1.26.1 or newer" in page
    assert "numpy#24906" in page
    assert "saved with torch 2.6.0; loaded with torch 1.7.1" in page


@pytest.mark.parametrize("show", [printed, render_markdown, render_html])
def test_what_a_cause_names_stays_text(run: RunRecord, show: Callable[[RunRecord], str]) -> None:
    shown = show(diagnosed(run, f"it names {HOSTILE}"))
    assert "it names" in shown
    assert "\u202e" not in shown
    if show is render_html:
        assert "<script>" not in shown
    if show is printed:
        assert "[red]" in shown


def test_what_is_not_known_is_not_talked_about(run: RunRecord) -> None:
    for text in (printed(run), render_markdown(run), render_html(run)):
        assert "why:" not in text
        assert 'class="advice"' not in text


def with_cures(run: RunRecord, make_outcome: Callable[..., Any], **judged: Any) -> RunRecord:
    """The run, with a cure tried on every pair."""
    tried = tuple(
        make_outcome(producer=each.producer, consumer=each.consumer, mode=Mode.STRIPPED, **judged)
        for each in run.outcomes
        if each.case == "tensor_plain" and each.mode is Mode.PLAIN
    )
    return replace(run, outcomes=run.outcomes + tried)


def test_cures_are_no_loads_that_people_do(
    run: RunRecord, make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    failed = {"verdict": Verdict.FAILED, "as_expected": False, "reason": Reason.MISSING_KEYS}
    tried = with_cures(run, make_outcome, **failed)
    assert counted(tried.outcomes) == counted(run.outcomes)
    assert pair_grid(tried) == pair_grid(run)
    assert verdict_counts(tried) == verdict_counts(run)
    assert find(tried) == find(run)
    console = Console(file=io.StringIO())
    assert counts_line(tried, console) == counts_line(run, console)
    write_run(tmp_path / "tried", tried)
    write_run(tmp_path / "run", run)
    one, other = load_run(tmp_path / "tried"), load_run(tmp_path / "run")
    assert one.matrix().equals(other.matrix())
    assert one.counts().loads.to_dict() == other.counts().loads.to_dict()
    assert len(one.frame()) == len(other.frame()) + 9


def test_a_cure_that_could_not_be_tried_is_told(
    run: RunRecord, make_outcome: Callable[..., Any]
) -> None:
    lost = {"verdict": Verdict.ERROR, "as_expected": False, "reason": Reason.CELL_LOST}
    tried = with_cures(run, make_outcome, **lost)
    assert any(each.reason is Reason.CELL_LOST for each in find(tried))
