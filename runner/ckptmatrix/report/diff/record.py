"""A diff as JSON: what ``ckptmatrix diff --format json`` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ckptmatrix.report.diff.change import Change
from ckptmatrix.report.diff.compare import KEY
from ckptmatrix.report.text import encodable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ckptmatrix.record import RunRecord
    from ckptmatrix.report.diff.compare import Diff
    from ckptmatrix.report.diff.groups import ChangeGroup

__all__ = ["FORMAT", "to_json"]

#: Version of the object's format.
FORMAT = 1

_SAID = ["change", "was_verdict", "was_reason", "verdict", "reason", "message"]
_LOAD = [*KEY, *_SAID, "entity"]
_SAVE = ["producer", "case", "device", *_SAID]


def to_json(diff: Diff, groups: Sequence[ChangeGroup]) -> dict[str, Any]:
    """The diff as one object.

    Args:
        diff: What was compared.
        groups: What :func:`ckptmatrix.report.diff.groups.groups` made of it.

    Returns:
        ``format``; ``base`` and ``head``: id, matrix, when it started; ``counts``: change → loads;
        ``groups``; ``environments``: what moved, cell by cell; ``loads`` and ``saves``: every one
        that is not as it was nor still the same failure.
    """
    return {
        "format": FORMAT,
        "base": _run(diff.base),
        "head": _run(diff.head),
        "counts": {change.value: count for change, count in diff.counts().items()},
        "groups": [_encodable(asdict(group) | {"sentence": group.sentence}) for group in groups],
        "environments": [_encodable(asdict(each)) for each in diff.environments],
        "loads": _news(diff.loads, _LOAD),
        "saves": _news(diff.saves, _SAVE),
    }


def _news(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    told = frame[~frame["change"].isin([Change.SAME, Change.STILL])]
    return [
        _encodable(dict(zip(columns, values, strict=True)))
        for values in told[columns].itertuples(index=False, name=None)
    ]


def _run(run: RunRecord) -> dict[str, Any]:
    return {"id": run.id, "matrix": run.matrix, "started": run.started.isoformat()}


def _encodable(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: encodable(value) if isinstance(value, str) else value
        for name, value in fields.items()
    }
