"""What a template may say, made fit to stand in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ckptmatrix.judge.wording import clipped
from ckptmatrix.matrix.cell import release_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ckptmatrix.diagnose.evidence import Evidence
    from ckptmatrix.wire import Facts

__all__ = ["NAMES", "Side", "Words"]

#: Names every template may use, beside the groups of its own patterns.
NAMES = (
    *("entity", "device", "mode", "protocol", "bytes", "path", "before", "after"),
    # Of the file: the first keys of its root, and how many tensors it has.
    *("keys", "tensors"),
)
_LONGEST = 160
_MOST_KEYS = 6


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two environments, in words: ``{producer.torch}`` is ``torch 1.7.1``."""

    torch: str
    numpy: str
    python: str

    @classmethod
    def of(cls, facts: Facts | None, other: str) -> Side:
        """What to call an environment.

        Args:
            facts: What it said; None when nobody here knows.
            other: What to call it then.
        """
        if facts is None:
            return cls(torch=f"{other} torch", numpy=f"{other} NumPy", python=f"{other} Python")
        return cls(
            torch=f"torch {_release(facts.torch)}" if facts.torch else "no torch",
            numpy=f"NumPy {_release(facts.numpy)}" if facts.numpy else "no NumPy",
            python=f"Python {_release(facts.python)}",
        )


def _release(version: str) -> str:
    return ".".join(map(str, release_of(version))) or clipped(version, 40)


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - _MOST_KEYS
    return ", ".join(keys[:_MOST_KEYS]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a template may say.

    Attributes:
        producer: The environment that saved.
        consumer: The environment that loaded, or for a save the one that saved.
        texts: The rest, by name; each short and on one line.
    """

    producer: Side
    consumer: Side
    texts: Mapping[str, str]

    @classmethod
    def of(cls, evidence: Evidence, groups: Mapping[str, str]) -> Words:
        """Words for this evidence.

        Args:
            evidence: What is known.
            groups: What a signature's own patterns found.
        """
        judgement, reading = evidence.judgement, evidence.reading
        protocol = reading.protocol if reading is not None else None
        worst = judgement.differences[0] if judgement.differences else None
        texts = {
            "entity": judgement.entity,
            "device": evidence.device,
            "mode": str(evidence.mode or "save"),
            "protocol": "" if protocol is None else str(protocol),
            "bytes": f"{reading.bytes:,}" if reading is not None else "",
            "keys": _listed(reading.keys) if reading is not None else "",
            "tensors": f"{len(reading.tensors):,}" if reading is not None else "",
            "path": (worst.path or "the object itself") if worst else "",
            "before": worst.before if worst else "",
            "after": worst.after if worst else "",
            **groups,
        }
        return cls(
            producer=Side.of(evidence.producer, "another"),
            consumer=Side.of(evidence.consumer, "this"),
            texts={name: clipped(text, _LONGEST) for name, text in texts.items()},
        )

    def about(self, template: str) -> Words:
        """The same, with what the template says as the entity."""
        entity = clipped(self.fill(template), _LONGEST)
        return replace(self, texts={**self.texts, "entity": entity}) if entity else self

    def fill(self, template: str) -> str:
        """The template's text."""
        return template.format(producer=self.producer, consumer=self.consumer, **self.texts)
