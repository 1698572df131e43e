"""Known answers: rows of a YAML file, each to be found in a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ckptmatrix.catalogue import builtin_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

__all__ = ["assert_answer", "cases_of", "is_documented", "name_of", "read_answers"]


def read_answers(name: str) -> list[dict[str, Any]]:
    """The rows of a file in ``tests/e2e``."""
    path = Path(__file__).parent / "e2e" / name
    rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows


def cases_of(answers: Iterable[dict[str, Any]]) -> str:
    """What ``--cases`` must be given so that all of these, and cures they name, can be found."""
    named = {(str(answer["case"]), str(answer.get("cure", ""))) for answer in answers}
    cures = {case.name for case in builtin_cases() if (case.variant_of, case.cure) in named}
    return ",".join(sorted(cures | {case for case, _ in named}))


def name_of(answer: dict[str, Any]) -> str:
    """What a test of it is called."""
    return "-".join(str(answer[key]) for key in ("producer", "consumer", "case", "mode"))


def is_documented(answer: dict[str, Any]) -> bool:
    """Whether others told it: in a public issue, a release note or a documentation."""
    return not str(answer["source"]).startswith("measured")


def assert_answer(
    frame: pd.DataFrame, answer: dict[str, Any], is_cell: Callable[[str, str], bool]
) -> None:
    """Find the one outcome an answer is about and compare it.

    What failed or changed must have a diagnosis; where the answer names a ``cure``, one that was
    seen to work by that mode or variant.

    Args:
        frame: A run's outcomes.
        answer: The row.
        is_cell: Whether a cell's id is the one that a row calls by a short name.
    """
    found = frame[
        frame.producer.map(lambda cell: is_cell(cell, answer["producer"])).astype(bool)
        & frame.consumer.map(lambda cell: is_cell(cell, answer["consumer"])).astype(bool)
        & (frame.case == answer["case"])
        & (frame["mode"] == answer["mode"])
    ]
    assert len(found) == 1
    row = found.iloc[0]
    assert row.verdict == answer["verdict"], row.message
    if row.verdict in ("failed", "changed"):
        assert row.diagnosis, row.message
    if "cure" in answer:
        cures = json.loads(row.cures)
        assert answer["cure"] in [cure["by"] for cure in cures if cure["verified"]], row.cures
    if "reason" in answer:
        assert row.reason == answer["reason"]
        assert row.stage == answer["stage"]
        assert re.search(answer["message"], row.message)
