from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.record import CellRecord
from ckptmatrix.report.markdown import render_markdown
from ckptmatrix.report.text import code
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.record import RunRecord


def test_it_holds_headline_findings_tables_and_cells(run: RunRecord) -> None:
    text = render_markdown(run)
    assert text.startswith(
        "# ckptmatrix: example\n\n84% of 66 loads between 3 cells are as expected"
    )
    assert "- **≠** `loads but is different: tensor_conj: values differ" in text
    assert "| 2 `py3.10-torch1.12.1-cpu` | ≠ 6/8 | ≠ 6/8 | ≠ 6/8 |" in text
    assert "| `tensor` |" in text
    assert "| 3 | `py3.13-torch2.6.0-cpu` | `3.13` | `2` | `1.24.0` |  |" in text


def test_tables_have_as_many_cells_as_heads(run: RunRecord) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", render_markdown(run), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("", ""),
        ("a|b", "`a\\|b`"),
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
        ("@someone <b> [x](http://e)\n# h", "`@someone <b> [x](http://e) # h`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span


@given(st.text())
def test_nothing_ends_a_code_span_early(text: str) -> None:
    span = code(text)
    if span:
        fence = re.match("`+", span)
        assert fence is not None
        runs = re.findall("`+", span)
        assert runs.count(fence[0]) == 2
        assert "\n" not in span


def test_hostile_names_stay_text(run: RunRecord, make_outcome: Callable[..., Any]) -> None:
    bad = make_outcome(
        verdict=Verdict.FAILED,
        reason=Reason.LOAD_ERROR,
        as_expected=False,
        message="`</td>` | <img src=x onerror=alert(1)> @everyone\n\n# big",
        entity="`|<script>",
    )
    text = render_markdown(replace(run, matrix="<h1>@x</h1> [a](b)", outcomes=(bad,)))
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    assert "<" not in outside.replace("\\<", "")
    assert "@" not in outside.replace("\\@", "")
    assert "\n# big" not in text


def test_a_large_run_stays_below_the_limit(change_run: Callable[..., RunRecord]) -> None:
    cells = tuple(
        CellRecord(id=f"py3.11-torch2.{n}.0-cpu", declared="x", message="m" * 5_000)
        for n in range(60)
    )
    large = change_run(cells=cells)
    assert len(render_markdown(large).encode()) > 16_000
    text = render_markdown(large, limit=16_000)
    assert len(text.encode()) <= 16_000
    assert "Too large for this file: see `report.html`" in text
    assert "## Cells" in text


def test_a_run_without_problems_says_so(run: RunRecord) -> None:
    good = tuple(o for o in run.outcomes if o.judgement.as_expected)
    assert "Nothing: every load is as expected." in render_markdown(replace(run, outcomes=good))
