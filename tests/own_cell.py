"""Every case in a cell of its own: what a cell saved, it loads again, the same or as declared.

``own_cell_exceptions.yaml`` lists what is known not to be so, each with why and its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from packaging.specifiers import SpecifierSet

from ckptmatrix.catalogue import builtin_cases
from ckptmatrix.judge.policy import expectation_of
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.words import Mode, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ckptmatrix.report.frames import RunFrames

__all__ = ["ExpectedTrouble", "own_rows", "read_exceptions", "unexpected"]

Row = dict[str, Any]
_CASES = {case.name: case for case in builtin_cases()}


@dataclass(frozen=True, kw_only=True)
class ExpectedTrouble:
    """A way in which cells do not load what they saved themselves.

    Attributes:
        cases: Patterns over names; of a name behind «!» it is not so.
        modes: The modes in which it is so.
        torch: Releases of torch in which it is so.
        cells: Pattern over ids of cells in which it is so.
        reason: What each of these answers; ``ok`` where that is not what the case declares.
        like: A mode that answers the same for the same case, where ``cases`` are too many to name.
        because: Why.
        source: Where that is known from.
        unsteady: Whether they may answer anything, and another time something else.
    """

    cases: tuple[str, ...]
    modes: tuple[str, ...]
    torch: SpecifierSet
    reason: str
    because: str
    source: str
    cells: str = "*"
    like: str = ""
    unsteady: bool = False

    def is_about(self, row: Row, cell: Mapping[tuple[str, str], Row]) -> bool:
        """Whether a cell of this torch must answer ``reason`` to this load."""
        release = ".".join(map(str, release_of(row["torch"])))
        alike = cell.get((row["case"], self.like)) if self.like else None
        return (
            any(fnmatchcase(row["case"], pattern) for pattern in self.cases)
            and "!" + row["case"] not in self.cases
            and row["mode"] in self.modes
            and row["verdict"] != "unsupported"
            and row["reason"] != "producer_unsupported"
            and self.torch.contains(release)
            and fnmatchcase(row["consumer"], self.cells)
            and (not self.like or (alike is not None and alike["reason"] == self.reason))
        )


def read_exceptions() -> list[ExpectedTrouble]:
    """What is known not to be as declared."""
    path = Path(__file__).parent / "own_cell_exceptions.yaml"
    return [
        ExpectedTrouble(
            cases=tuple(entry.pop("cases")),
            modes=tuple(entry.pop("modes")),
            torch=SpecifierSet(entry.pop("torch")),
            **entry,
        )
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def own_rows(run: RunFrames) -> list[Row]:
    """The outcomes of a run in which a cell loads what it saved, with the torch of the cell."""
    torch = run.cells().set_index("id").torch
    frame = run.frame()
    own = frame[frame.producer == frame.consumer]
    records = own.assign(torch=own.consumer.map(torch).astype(str)).to_dict("records")
    rows = [{str(name): value for name, value in record.items()} for record in records]
    saves = {(save.producer, save.case): save for save in run.run.saves}
    for row in rows:
        save = saves[row["producer"], row["case"]]
        if save.verdict is Verdict.FAILED:
            expected = expectation_of(_CASES[row["case"]], None)
            row["as_expected"] = expected.met_by(save.verdict, save.reason)
            row["reason"] = save.reason
            row["message"] = save.message
    return rows


def unexpected(
    rows: Iterable[Row], exceptions: Sequence[ExpectedTrouble] | None = None
) -> list[str]:
    """What is neither as declared nor an exception, and exceptions that did not happen.

    Args:
        rows: From :func:`own_rows`, of any cells and cases.
        exceptions: Those of the file when None.

    Returns:
        One line each.
    """
    exceptions = read_exceptions() if exceptions is None else exceptions
    cells = _by_cell(rows)
    found = []
    for cell, answers in cells.items():
        for row in answers.values():
            about = [each for each in exceptions if each.is_about(row, answers)]
            where = f"{cell}: {row['case']}, {row['mode']}: {row['verdict']} ({row['reason']})"
            if row["reason"] == "producer_unsupported":
                continue
            if any(each.unsteady for each in about) and row["verdict"] != "error":
                continue
            if row["verdict"] == "error":
                found.append(f"{where}: {row['message']}")
            elif row["flaky"]:
                found.append(f"{where}: not the same twice: {row['message']}")
            elif about and _answer(row) not in {each.reason for each in about}:
                found.append(f"{where}, and must be {about[0].reason}: {about[0].because}")
            elif not about and not row["as_expected"] and not _is_tried(row):
                found.append(f"{where}: {row['message']}")
    return found


def _answer(row: Row) -> str:
    return str(row["verdict"] if row["verdict"] == "ok" else row["reason"])


def _is_tried(row: Row) -> bool:
    """Whether it is a cure of which the case does not say what comes of it."""
    declared = _CASES[row["case"]].expect.get("modes", {}) if row["case"] in _CASES else {}
    return Mode(row["mode"]).is_cure and row["mode"] not in declared


def _by_cell(rows: Iterable[Row]) -> dict[str, dict[tuple[str, str], Row]]:
    """Cell → case and mode → outcome."""
    cells: dict[str, dict[tuple[str, str], Row]] = {}
    for row in rows:
        cells.setdefault(row["consumer"], {})[row["case"], row["mode"]] = row
    return cells
