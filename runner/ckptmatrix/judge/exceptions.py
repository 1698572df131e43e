"""What an exception means: its type and words to a reason of the catalogue.

The knowledge is data, in ``signatures.yaml`` beside this file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ckptmatrix.judge.wording import clipped
from ckptmatrix.words import Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.archive.reading import Format

__all__ = ["Meaning", "Signature", "classify", "signatures"]

_FALLBACK = {
    Stage.SAVE: Reason.SAVE_ERROR,
    Stage.LOAD: Reason.LOAD_ERROR,
    Stage.OBSERVE: Reason.OBSERVE_ERROR,
    Stage.FORWARD: Reason.FORWARD_ERROR,
    Stage.RESUME: Reason.RESUME_ERROR,
}


class Meaning(NamedTuple):
    """What an exception means, and what it is about (a global, a key, a device), or empty."""

    reason: Reason
    entity: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How an exception with one meaning is recognised.

    Attributes:
        name: Unique.
        reason: What it means.
        type: Matches the end of the exception's qualified type; None for any type.
        message: Is searched in its message.
        entity: Format of what it is about, from the named groups of ``message``.
        stages: Stages in which it means this.
        files: Kinds of files that say it; None for any, and for one that nobody looked into.
        wins_over: Signatures that match some of the same messages and come after this one.
        seen: Where these words come from: a public issue, or a release that was seen to say them.
    """

    name: str
    reason: Reason
    type: re.Pattern[str] | None
    message: re.Pattern[str]
    entity: str
    stages: frozenset[Stage]
    files: frozenset[str] | None
    wins_over: frozenset[str]
    seen: str

    def match(
        self, kind: str, message: str, stage: Stage, file: Format | None = None
    ) -> Meaning | None:
        """The meaning, or None when this is another exception.

        Args:
            kind: Qualified type: ``_pickle.UnpicklingError``; builtins without a module.
            message: The exception's words.
            stage: Where it was raised.
            file: What the file says it is, where it was looked into.
        """
        if stage not in self.stages or (self.files is not None and file not in self.files):
            return None
        if self.type is not None and not self.type.fullmatch(kind.rpartition(".")[2]):
            return None
        found = self.message.search(message)
        if found is None:
            return None
        groups = {name: text or "" for name, text in found.groupdict().items()}
        return Meaning(self.reason, clipped(self.entity.format(**groups)))


@cache
def signatures() -> tuple[Signature, ...]:
    """Every signature, in the order in which they are tried."""
    text = files("ckptmatrix.judge").joinpath("signatures.yaml").read_text(encoding="utf-8")
    return tuple(_signature(entry) for entry in yaml.safe_load(text))


def _signature(entry: Mapping[str, Any]) -> Signature:
    return Signature(
        name=entry["name"],
        reason=Reason(entry["reason"]),
        type=re.compile(entry["type"]) if "type" in entry else None,
        message=re.compile(entry["message"]),
        entity=entry.get("entity", ""),
        stages=frozenset(Stage(stage) for stage in entry.get("stages", [Stage.LOAD])),
        files=frozenset(entry["files"]) if "files" in entry else None,
        wins_over=frozenset(entry.get("wins_over", [])),
        seen=entry["seen"],
    )


def classify(kind: str, message: str, stage: Stage, file: Format | None = None) -> Meaning:
    """What an exception means.

    Args:
        kind: Its qualified type.
        message: Its words.
        stage: Where it was raised. Most signatures hold for ``load`` only: the same words mean
            something else when the loaded object is at work.
        file: What the file says it is, where it was looked into.

    Returns:
        The first signature's meaning, or the stage's own reason when none is known.
    """
    for signature in signatures():
        meaning = signature.match(kind, message, stage, file)
        if meaning is not None:
            return meaning
    return Meaning(_FALLBACK[stage], "")
