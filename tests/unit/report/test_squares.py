from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.report.squares import counted, family_grid, fold, pair_grid
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

    Make = Callable[..., Outcome]

OK: dict[str, Any] = {"verdict": Verdict.OK}
UNNOTICED: dict[str, Any] = {"verdict": Verdict.OK, "as_expected": False}
CHANGED: dict[str, Any] = {"verdict": Verdict.CHANGED, "as_expected": False}
FAILED: dict[str, Any] = {"verdict": Verdict.FAILED, "as_expected": False}
REFUSED: dict[str, Any] = {"verdict": Verdict.FAILED}
UNSUPPORTED: dict[str, Any] = {"verdict": Verdict.UNSUPPORTED}
ABORTED: dict[str, Any] = {"verdict": Verdict.ABORTED}
ERROR: dict[str, Any] = {"verdict": Verdict.ERROR, "as_expected": False}


@pytest.mark.parametrize(
    ("outcomes", "verdict", "text"),
    [
        ([], None, ""),
        ([OK, OK], Verdict.OK, "2/2"),
        ([OK, REFUSED], Verdict.OK, "2/2"),
        ([OK, FAILED], Verdict.FAILED, "1/2"),
        ([OK, FAILED, CHANGED], Verdict.CHANGED, "1/3"),
        ([OK, UNNOTICED, FAILED], Verdict.CHANGED, "1/3"),
        ([OK, UNSUPPORTED, ABORTED], Verdict.OK, "1/1"),
        ([OK, ERROR], Verdict.ERROR, "1/1"),
        ([FAILED, ERROR], Verdict.FAILED, "0/1"),
        ([UNSUPPORTED], Verdict.UNSUPPORTED, ""),
        ([UNSUPPORTED, ABORTED], Verdict.ABORTED, ""),
        ([ABORTED, ERROR], Verdict.ERROR, ""),
    ],
)
def test_a_square_shows_the_worst_that_is_not_as_expected(
    outcomes: list[dict[str, Any]], verdict: Verdict | None, text: str, make_outcome: Make
) -> None:
    square = fold(make_outcome(**fields) for fields in outcomes)
    assert square.verdict is verdict
    assert square.text == text
    assert (square.share is None) == (text == "")


def test_mistakes_count_only_where_the_answer_differs(make_outcome: Make) -> None:
    def mistake(**changes: Any) -> Outcome:
        fields = {"case": "wrong_layers", "verdict": Verdict.FAILED, "reason": Reason.MISSING_KEYS}
        return make_outcome(**(fields | changes))

    other = make_outcome()
    alike = [mistake(consumer=consumer) for consumer in "abc"]
    assert counted([*alike, other]) == (other,)
    assert counted([*alike, mistake(verdict=Verdict.UNSUPPORTED), other]) == (other,)
    by_reason = [*alike, mistake(reason=Reason.LOAD_ERROR)]
    assert counted(by_reason) == tuple(by_reason)
    by_verdict = [*alike, mistake(verdict=Verdict.OK, reason=None, as_expected=False)]
    assert counted(by_verdict) == tuple(by_verdict)
    in_another_mode = [*alike, mistake(mode=Mode.TRUSTED, reason=Reason.LOAD_ERROR)]
    assert counted(in_another_mode) == ()


def test_the_grid_has_every_pair_in_the_matrix_order(run: RunRecord) -> None:
    grid = pair_grid(run)
    ids = tuple(cell.id for cell in run.cells)
    assert grid.rows == grid.columns == ids
    assert len(grid.squares) == 9
    old, mid, new = ids
    assert grid.squares[mid, new].verdict is Verdict.CHANGED
    assert grid.squares[new, old].verdict is Verdict.FAILED
    assert grid.squares[old, old].verdict is Verdict.OK
    assert grid.squares[new, new].text == "8/8"
    assert grid.squares[old, new].text == "6/6"


def test_families_are_in_the_catalogue_order_without_uniform_mistakes(run: RunRecord) -> None:
    grid = family_grid(run)
    assert grid.rows == ("tensor", "numpy", "damage")
    assert grid.squares["damage", run.cells[0].id].text == "6/6"
