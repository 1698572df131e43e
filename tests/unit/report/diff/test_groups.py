from __future__ import annotations

import html
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.groups import groups
from ckptmatrix.report.diff.markdown import diff_markdown
from ckptmatrix.report.diff.record import to_json
from ckptmatrix.report.diff.summary import headline, title
from ckptmatrix.report.diff.terminal import print_diff
from ckptmatrix.report.html import render_html
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited
from example_run import CELLS, make_run

if TYPE_CHECKING:
    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.diff.compare import Diff
    from diff_runs import Compared

OLD, MID, NEW = CELLS
HOSTILE = "<script>alert(1)</script> [red] `x` \u202e"
LOUD = {
    "verdict": Verdict.FAILED,
    "reason": Reason.MISSING_GLOBAL,
    "as_expected": False,
    "message": "No module named 'pathlib._local'",
    "entity": "pathlib._local",
}
SILENT = {"verdict": Verdict.CHANGED, "reason": Reason.DTYPE_CHANGED, "as_expected": False}


def plain(outcome: Outcome) -> bool:
    return outcome.case == "tensor_plain" and outcome.consumer == NEW


def terminal(diff: Diff) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=120, color_system=None)
    print_diff(diff, groups(diff), console)
    return stream.getvalue()


def markdown(diff: Diff) -> str:
    return diff_markdown(diff)


def test_what_happens_for_the_same_reason_is_one_sentence(
    compared: Compared, base: RunRecord
) -> None:
    first, *_ = groups(compared(base, edited(base, (plain, LOUD))))
    assert (first.change, first.verdict, first.loads) == (Change.NEW_FAILURE, Verdict.FAILED, 6)
    assert first.producers == CELLS
    assert first.consumers == (NEW,)
    assert first.modes == ("plain", "trusted")
    assert first.sentence == (
        f"tensor_plain: pathlib._local does not exist — loaded in {NEW} (6 loads)"
    )


def test_what_happens_in_all_cells_happens_everywhere(compared: Compared, base: RunRecord) -> None:
    def every(outcome: Outcome) -> bool:
        return outcome.case == "tensor_plain"

    first, *_ = groups(compared(base, edited(base, (every, LOUD))))
    assert first.where == "everywhere"


def test_silent_changes_come_first(compared: Compared, base: RunRecord) -> None:
    def old(outcome: Outcome) -> bool:
        return outcome.case == "tensor_plain" and outcome.consumer == OLD

    found = groups(compared(base, edited(base, (plain, LOUD), (old, SILENT))))
    assert [group.silent for group in found[:2]] == [True, False]
    assert found[0].verdict is Verdict.CHANGED


def test_a_cell_that_is_gone_or_new_is_one_sentence(compared: Compared, base: RunRecord) -> None:
    fewer = replace(
        base,
        cells=base.cells[:2],
        saves=tuple(save for save in base.saves if save.producer != NEW),
        outcomes=tuple(o for o in base.outcomes if NEW not in (o.producer, o.consumer)),
    )
    lost = [g for g in groups(compared(base, fewer)) if g.change is Change.LOST]
    assert [group.headline for group in lost] == [f"{NEW} is not in the run any more"]
    new = [g for g in groups(compared(fewer, base)) if g.change is Change.NEW_CELL]
    assert f"{NEW} is new" in [group.headline for group in new]
    # What does not go well in it is told as well.
    assert any("numpy._core does not exist" in group.headline for group in new)


def test_a_cell_that_could_not_be_used_says_why(compared: Compared, base: RunRecord) -> None:
    def of_new(outcome: Outcome) -> bool:
        return outcome.consumer == NEW

    error = {"verdict": Verdict.ERROR, "reason": Reason.INSTALL_FAILED, "as_expected": False}
    broken = replace(
        base.cells[2],
        verdict=Verdict.ERROR,
        reason=Reason.INSTALL_FAILED,
        message="pip found no wheel",
    )
    head = edited(replace(base, cells=(*base.cells[:2], broken)), (of_new, error))
    lost = [g for g in groups(compared(base, head)) if g.change is Change.LOST]
    assert [g.headline for g in lost] == [f"{NEW} could not be used: pip found no wheel"]


def test_what_is_fixed_says_what_it_was(compared: Compared, base: RunRecord) -> None:
    head = edited(base, (plain, LOUD))
    (fixed,) = [g for g in groups(compared(head, base)) if g.change is Change.FIXED]
    assert "as expected now; before, pathlib._local does not exist" in fixed.headline
    assert fixed.verdict is Verdict.OK


def test_a_failed_save_of_a_new_cell_is_told(compared: Compared, base: RunRecord) -> None:
    fewer = replace(
        base,
        cells=base.cells[:2],
        saves=tuple(save for save in base.saves if save.producer != NEW),
        outcomes=tuple(o for o in base.outcomes if NEW not in (o.producer, o.consumer)),
    )
    saves = tuple(
        replace(save, verdict=Verdict.FAILED, reason=Reason.UNPICKLABLE)
        if (save.producer, save.case) == (NEW, "tensor_plain")
        else save
        for save in base.saves
    )
    found = groups(compared(fewer, replace(base, saves=saves)))
    (save,) = [group for group in found if not group.consumers]
    assert (
        save.sentence
        == f"saving tensor_plain: something in it cannot be pickled — by {NEW} (1 save)"
    )


def test_loads_that_name_nothing_are_told_case_by_case(compared: Compared, base: RunRecord) -> None:
    def two(outcome: Outcome) -> bool:
        return outcome.case in {"tensor_plain", "numpy_scalar"} and outcome.consumer == OLD

    bad = {"verdict": Verdict.FAILED, "reason": Reason.FORWARD_ERROR, "as_expected": False}
    found = groups(compared(base, edited(base, (two, bad | {"entity": ""}))))
    new = [g for g in found if g.change in {Change.NEW_FAILURE, Change.CHANGED_REASON}]
    assert {group.cases for group in new} == {("tensor_plain",), ("numpy_scalar",)}


def test_where_not_every_pair_is_meant_it_is_not_everywhere(
    compared: Compared, base: RunRecord
) -> None:
    def diagonal(outcome: Outcome) -> bool:
        return outcome.case == "tensor_plain" and outcome.producer == outcome.consumer

    first, *_ = groups(compared(base, edited(base, (diagonal, LOUD))))
    assert first.where == "in every cell, not from every cell"


def test_another_reason_says_both(compared: Compared, base: RunRecord) -> None:
    before = edited(base, (plain, SILENT))
    after = edited(base, (plain, LOUD))
    (changed,) = [g for g in groups(compared(before, after)) if g.change is Change.CHANGED_REASON]
    assert "pathlib._local does not exist; before, a dtype is another" in changed.headline


def test_the_headline_counts(compared: Compared, base: RunRecord) -> None:
    diff = compared(base, edited(base, (plain, SILENT)))
    said = headline(diff, groups(diff))
    assert "6 new failures, 6 of them silent" in said
    assert said.startswith(f"Since run {base.id} (0 minutes earlier): ")
    same = compared(base, base)
    assert "nothing newly fails" in headline(same, groups(same))


def page(diff: Diff) -> str:
    return render_html(make_run(), diff)


@pytest.mark.parametrize("show", [terminal, markdown, page])
def test_it_is_shown_in_parts(compared: Compared, base: RunRecord, show: object) -> None:
    assert callable(show)
    text = show(compared(base, edited(base, (plain, LOUD))))
    assert title(Change.NEW_FAILURE) in text
    assert title(Change.STILL) in text
    assert text.index(title(Change.NEW_FAILURE)) < text.index(title(Change.STILL))
    assert "No module named 'pathlib._local'" in html.unescape(text)


@pytest.mark.parametrize("show", [terminal, markdown, page])
def test_what_a_cell_says_stays_text(compared: Compared, base: RunRecord, show: object) -> None:
    assert callable(show)
    hostile = LOUD | {"message": HOSTILE, "entity": HOSTILE}
    text = show(compared(base, edited(base, (plain, hostile))))
    assert "alert(1)" in text
    assert "\u202e" not in text
    assert show is not page or "<script>" not in text


def test_as_json_it_has_every_load_that_is_news(compared: Compared, base: RunRecord) -> None:
    diff = compared(base, edited(base, (plain, LOUD | {"message": "\ud800"})))
    told = json.loads(json.dumps(to_json(diff, groups(diff))))
    assert told["format"] == 1
    assert told["counts"]["new-failure"] == len(told["loads"]) == 6
    assert {load["change"] for load in told["loads"]} == {"new-failure"}
    assert told["groups"][0]["sentence"]
    assert told["base"]["id"] == base.id
