"""What is asked of a cell that loads its own checkpoints, without any cell."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import filter as matching
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from ckptmatrix.catalogue import builtin_cases
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.words import Mode, Reason
from own_cell import ExpectedTrouble, read_exceptions, unexpected

REPOSITORY = Path(__file__).parents[2]
#: Of Debian bookworm, which no matrix of wheels has.
BOOKWORM = "1.13.0"
RELEASES = {BOOKWORM} | {
    cell.torch
    for name in ("default", "eras")
    for cell in load_matrix(REPOSITORY / "matrices" / f"{name}.yaml").cells
    if cell.torch
}
LOST = ExpectedTrouble(
    cases=("tensor_*",),
    modes=("plain", "trusted"),
    torch=SpecifierSet("<2"),
    reason="keys_missing",
    because="attributes are not saved",
    source="measured",
)
REFUSED = ExpectedTrouble(
    cases=("*", "!tensor_told"),
    modes=("plain",),
    torch=SpecifierSet(">=2.6"),
    like="restricted",
    reason="weights_only_refused",
    because="it is not told to trust",
    source="measured",
)


def row(**changed: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "consumer": "cell",
        "torch": "1.9.0+cu102",
        "case": "tensor_attributes",
        "mode": "plain",
        "verdict": "ok",
        "reason": None,
        "message": "",
        "as_expected": True,
        "flaky": False,
    }
    return {**good, **changed}


LOSES = {"verdict": "changed", "reason": "keys_missing", "as_expected": False}
REFUSES = {"verdict": "failed", "reason": "weights_only_refused"}


@pytest.mark.parametrize(
    "rows",
    [
        [row(case="state_dict")],
        [row(**LOSES)],
        [row(torch="2.0.1")],
        [row(verdict="unsupported", reason="mode_missing")],
        [row(verdict="aborted", reason="producer_unsupported", as_expected=False)],
        [row(torch="2.6.0", as_expected=False, **REFUSES), row(mode="restricted", **REFUSES)],
        [
            row(torch="2.6.0", case="tensor_told"),
            row(torch="2.6.0", case="tensor_told", mode="restricted", **REFUSES),
        ],
    ],
)
def test_what_is_as_it_should_be(rows: list[dict[str, Any]]) -> None:
    assert unexpected(rows, [LOST, REFUSED]) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(torch="2.0.1", **LOSES)], "cell: tensor_attributes, plain: changed (keys_missing)"),
        ([row()], "must be keys_missing: attributes are not saved"),
        (
            [row(case="state_dict", verdict="failed", as_expected=False)],
            "state_dict, plain: failed",
        ),
        ([row(case="state_dict", verdict="error", reason="cell_lost")], "error (cell_lost)"),
        ([row(case="state_dict", flaky=True)], "not the same twice"),
        ([row(verdict="aborted", reason="save_error", as_expected=False)], "must be keys_missing"),
        ([row(torch="2.6.0", as_expected=False, **REFUSES), row(mode="restricted")], "failed"),
        ([row(torch="2.6.0"), row(mode="restricted", **REFUSES)], "must be weights_only_refused"),
    ],
)
def test_what_is_not(rows: list[dict[str, Any]], words: str) -> None:
    (line,) = unexpected(rows, [LOST, REFUSED])
    assert words in line


@pytest.mark.parametrize("exception", read_exceptions(), ids=lambda each: "-".join(each.cases))
def test_an_exception_is_of_use_and_has_a_source(exception: ExpectedTrouble) -> None:
    names = [case.name for case in builtin_cases()]
    assert all(matching(names, pattern.removeprefix("!")) for pattern in exception.cases)
    assert any(exception.torch.contains(release) for release in RELEASES)
    assert all(Mode(mode) for mode in exception.modes)
    assert exception.reason == "ok" or Reason(exception.reason)
    assert exception.because
    assert exception.source


def test_an_exception_may_be_of_some_cells() -> None:
    debian = replace(LOST, cells="debian-*")
    assert unexpected([row(**LOSES)], [debian]) != []
    assert unexpected([row(**LOSES, consumer="debian-sid")], [debian]) == []


def test_an_exception_may_be_that_it_loads() -> None:
    loads = replace(LOST, reason="ok")
    assert unexpected([row(as_expected=False)], [loads]) == []
    assert unexpected([row(**LOSES)], [loads]) != []
