from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.report.badge import render_badge
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord


def badge(run: RunRecord) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(render_badge(run))
    return shown


def test_it_has_the_share_rounded_down(run: RunRecord) -> None:
    assert badge(run) == {
        "schemaVersion": 1,
        "label": "checkpoints example",
        "message": "84% as expected",
        "color": "yellow",
    }


def test_only_what_is_wholly_good_is_a_hundred(run: RunRecord) -> None:
    good = {"verdict": Verdict.OK, "reason": None, "as_expected": True}
    whole = edited(run, (lambda outcome: not outcome.judgement.as_expected, good))
    shown = badge(whole)
    assert (shown["message"], shown["color"]) == ("100% as expected", "brightgreen")
    error = {"verdict": Verdict.ERROR, "reason": Reason.CELL_LOST, "as_expected": False}
    half = edited(whole, (lambda outcome: outcome.case == "tensor_plain", error))
    assert badge(half)["message"] == "100% as expected, incomplete"
    worse = edited(run, (lambda outcome: outcome.case == "tensor_plain", error))
    assert badge(worse)["message"].endswith(", incomplete")


@pytest.mark.parametrize("changes", [{"status": "interrupted"}, {"outcomes": ()}])
def test_what_was_not_measured_has_no_share(run: RunRecord, changes: dict[str, Any]) -> None:
    shown = badge(replace(run, **changes))
    assert (shown["message"], shown["color"]) == ("not measured", "lightgrey")
