from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ckptmatrix.report.tables import counts_line, pair_table, print_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord


def printed(run: RunRecord, width: int, encoding: str = "utf-8", most: int = 8) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    print_run(run, Console(file=stream, width=width), most=most)
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_a_wide_terminal_shows_counts_in_every_square(run: RunRecord) -> None:
    text = printed(run, 120)
    assert " 2 py3.10-torch1.12.1-cpu   ≠ 6/8   ≠ 6/8   ≠ 6/8" in text
    assert " 3 py3.13-torch2.6.0-cpu    ✗ 6/8   ✗ 6/8   ✓ 8/8" in text
    assert "✓ 38 ok  ≠ 6 changed  ✗ 22 failed  ⊘ 6 aborted" in text
    assert "(18 loads of mistakes that all cells answer alike not counted)" in text
    assert "≠ loads but is different: tensor_conj: values differ" in text
    assert "    No module named 'numpy._core'" in text


@pytest.mark.parametrize(("width", "square"), [(60, "✗ 75%"), (45, "✗ ")])
def test_a_narrow_terminal_shows_less_in_a_square(run: RunRecord, width: int, square: str) -> None:
    many = tuple(replace(outcome, attempts=n) for outcome in run.outcomes for n in range(20))
    table = printed(replace(run, outcomes=many), width).split("family")[0]
    assert square in table
    assert "/" not in table.replace("\\ loaded", "")
    assert all(len(line) <= width for line in table.splitlines())


def test_a_stream_without_our_symbols_gets_others(
    run: RunRecord, make_outcome: Callable[..., Outcome]
) -> None:
    odd = make_outcome(consumer="x", flaky=True)
    text = printed(replace(run, outcomes=(*run.outcomes, odd)), 120, "ascii")
    assert "~ 6/8" in text
    assert "x does not load: numpy_scalar: numpy._core does not exist - saved by" in text


def test_untrusted_cells_are_marked_and_the_mark_is_explained(run: RunRecord) -> None:
    assert "controls misbehaved" not in printed(run, 120)
    doubted = replace(run.cells[0], trusted=False)
    text = printed(replace(run, cells=(doubted, *run.cells[1:])), 120)
    assert f"{doubted.id}?" in text
    assert "? its controls misbehaved" in " ".join(text.split())


def test_more_findings_than_asked_for_are_counted(run: RunRecord) -> None:
    assert "and 1 more in the report" in printed(run, 120, most=1)
    assert "more in the report" not in printed(run, 120)


def test_text_of_cells_is_never_markup(run: RunRecord) -> None:
    doubted = replace(run.cells[0], trusted=False, distrust="[red]x[/red] [link=http://e]\x1b[31m")
    text = printed(replace(run, cells=(doubted, *run.cells[1:])), 120)
    assert "[red]x[/red] [link=http://e]\\x1b[31m" in text
    assert "\x1b" not in text


def test_an_empty_run_can_be_printed(change_run: Callable[..., RunRecord]) -> None:
    empty = change_run(outcomes=(), cells=(), cases={})
    console = Console(file=io.StringIO(), width=80)
    assert counts_line(empty, console).plain == ""
    assert pair_table(empty, console).row_count == 0
    printed(empty, 80)
