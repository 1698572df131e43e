"""Every signature, read from the files beside this one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from ckptmatrix.diagnose.conditions import Conditions
from ckptmatrix.diagnose.remedies import Remedy
from ckptmatrix.diagnose.signature import Signature
from ckptmatrix.words import Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["THEMES", "known_signatures"]

#: Files of signatures, in the order in which they are tried.
THEMES = (
    "resources",
    "source",
    "format",
    "programs",
    "damage",
    "devices",
    "distributed",
    "numpy",
    "python",
    "rebuild",
    "modules",
    "weights_only",
    "state_dict",
    "optimizer",
    "saving",
    "changes",
    "training",
)
_FIELDS = {
    "name",
    "verdict",
    "reasons",
    "stages",
    "type",
    "message",
    "when",
    "entity",
    "cause",
    "cures",
    "reference",
    "wins_over",
}


@cache
def known_signatures() -> tuple[Signature, ...]:
    """Every signature, in the order in which they are tried."""
    return tuple(signature for theme in THEMES for signature in _theme(theme))


def _theme(theme: str) -> tuple[Signature, ...]:
    file = files("ckptmatrix.diagnose").joinpath("signatures", f"{theme}.yaml")
    return tuple(
        _signature(theme, entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
    )


def _signature(theme: str, entry: Mapping[str, Any]) -> Signature:
    if unknown := entry.keys() - _FIELDS:
        msg = f"{theme}.yaml: {entry.get('name')}: there is no {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    return Signature(
        name=entry["name"],
        theme=theme,
        verdict=Verdict(entry.get("verdict", Verdict.FAILED)),
        reasons=frozenset(map(Reason, entry.get("reasons", ()))),
        stages=frozenset(map(Stage, entry.get("stages", ()))),
        type=re.compile(entry["type"]) if "type" in entry else None,
        message=re.compile(entry["message"]) if "message" in entry else None,
        conditions=Conditions.parse(entry.get("when", {})),
        entity=entry.get("entity", ""),
        cause=entry["cause"],
        remedies=tuple(Remedy(**cure) for cure in entry.get("cures", ())),
        reference=entry["reference"],
        wins_over=frozenset(entry.get("wins_over", ())),
    )
