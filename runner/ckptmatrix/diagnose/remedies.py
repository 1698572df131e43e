"""What may help, as a signature says it, to cures of which those seen to work come first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ckptmatrix.diagnose.versions import compared
from ckptmatrix.judge.outcome import Cure
from ckptmatrix.judge.wording import clipped
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.predict.consumer import consumer_of
from ckptmatrix.predict.restricted import lacks, newer_that_allows
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckptmatrix.archive.reading import Requirement
    from ckptmatrix.diagnose.evidence import Evidence
    from ckptmatrix.diagnose.sentence import Words
    from ckptmatrix.judge.outcome import Judgement

__all__ = ["Remedy", "cures_of"]

_OF = {"torch": "torch", "numpy": "NumPy", "python": "Python"}
_DEVICE = frozenset({Reason.DEVICE_UNAVAILABLE, Reason.DEVICE_INDEX})
#: What neither a device nor trust is a cure for.
_BYTES = frozenset(
    {
        Reason.OUT_OF_MEMORY,
        Reason.FILE_CORRUPT,
        Reason.SOURCE_MISSING,
        Reason.SOURCE_UNREADABLE,
    }
)


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing that may help.

    Attributes:
        where: What has to change.
        text: Template, one sentence without its full stop.
        by: The mode, or the cure word of the sibling case, that does it; empty when nothing here
            can.
        needs: Whose version it is about: what the file itself asks for is said in place of
            ``text``. With ``weights_only`` that is the torch that allows all it names, and there
            is no such cure where no torch does.
        partly: Whether the mode is advice also where it gives another object than was saved, which
            the text then has to say.
    """

    where: Literal["save", "load", "version"]
    text: str
    by: str = ""
    needs: Literal["", "torch", "numpy", "python", "weights_only"] = ""
    partly: bool = False


def cures_of(remedies: Iterable[Remedy], evidence: Evidence, words: Words) -> tuple[Cure, ...]:
    """Cures, the verified first; what was tried and did not help is not among them.

    Args:
        remedies: What a signature knows, the best first.
        evidence: Of the load or save they are for.
        words: What their texts may say.
    """
    found = [cure for each in remedies if (cure := _cure(each, evidence, words)) is not None]
    return tuple(sorted(found, key=lambda cure: not cure.verified))


def _cure(remedy: Remedy, evidence: Evidence, words: Words) -> Cure | None:
    text = words.fill(remedy.text)
    if remedy.needs == "weights_only":
        text = _allowing(evidence, text)
    elif remedy.needs:
        text = _needed(remedy.needs, evidence) or text
    if not remedy.by:
        return Cure(where=remedy.where, text=text) if text else None
    if remedy.by in set(Mode):
        verified = _mode_helps(Mode(remedy.by), remedy, evidence)
    else:
        verified = _variant_helps(remedy.by, evidence)
    if verified is None:
        return None
    return Cure(where=remedy.where, text=text, verified=verified, by=remedy.by)


def _mode_helps(mode: Mode, remedy: Remedy, evidence: Evidence) -> bool | None:
    """Whether the mode was seen to load it; None when it was seen not to, or is what failed."""
    if mode is evidence.mode or _is_hopeless(mode, evidence):
        return None
    judgement = evidence.modes.get(mode)
    if judgement is None or judgement.verdict is Verdict.ERROR:
        return False
    if judgement.verdict is Verdict.OK:
        return True
    return False if remedy.partly and judgement.verdict is Verdict.CHANGED else None


def _is_hopeless(mode: Mode, evidence: Evidence) -> bool:
    """Whether what was seen in other modes, or the release itself, tells that it cannot help.

    Allowing names does no more than trusting the whole file. A mode that was not tried is no cure
    for what fails in the usual one for another reason than it is about.
    """
    facts = evidence.consumer
    if facts is not None and facts.torch and lacks(mode, consumer_of(facts)):
        return True
    if mode is Mode.ALLOWLISTED:
        trusted = evidence.modes.get(Mode.TRUSTED)
        return evidence.mode is Mode.TRUSTED or (
            trusted is not None and trusted.verdict not in {Verdict.OK, Verdict.ERROR}
        )
    plain = evidence.modes.get(Mode.PLAIN)
    if mode in evidence.modes or plain is None or plain.verdict is not Verdict.FAILED:
        return False
    if mode is Mode.MAPPED:
        return plain.reason not in _DEVICE
    return mode is Mode.TRUSTED and plain.reason in _BYTES


def _variant_helps(word: str, evidence: Evidence) -> bool | None:
    """Whether the variant was seen to load in this mode or a usual one; None when it was not."""
    tried = _tried(evidence.variants.get(word, {}), evidence.mode)
    if not tried:
        return False
    return True if any(each.verdict is Verdict.OK for each in tried) else None


def _tried(modes: Mapping[Mode, Judgement], mode: Mode | None) -> list[Judgement]:
    """What counts of a variant: the mode in question where it was tried, else the usual modes."""
    same = modes.get(mode) if mode is not None else None
    chosen = [same] if same else [each for m, each in modes.items() if not m.is_cure]
    return [each for each in chosen if each.verdict is not Verdict.ERROR]


def _allowing(evidence: Evidence, otherwise: str) -> str:
    """Which newer torch allows all the file names and can read it; empty when none does.

    Args:
        evidence: Of the load.
        otherwise: What to say of a file or an environment of which nothing is known.
    """
    reading, consumer = evidence.reading, evidence.consumer
    if reading is None or consumer is None or not consumer.torch:
        return otherwise
    since = newer_that_allows(reading, consumer_of(consumer))
    asked = [each for each in reading.requirements if each.of == "torch"]
    lowest = max((since, *(each.at_least for each in asked)), key=release_of)
    if not since or any(each.below and compared(lowest, each.below) >= 0 for each in asked):
        return ""
    return f"load with torch {lowest} or newer, which allows all that it names"


def _needed(part: str, evidence: Evidence) -> str:
    """What the file asks of that version and the consumer does not have, or empty."""
    reading, consumer = evidence.reading, evidence.consumer
    if reading is None or consumer is None:
        return ""
    version: str = getattr(consumer, part) or ""
    unmet = [each for each in reading.requirements if each.of == part and _unmet(each, version)]
    if not unmet:
        return ""
    lowest = max((each.at_least for each in unmet if each.at_least), key=release_of, default="")
    below = min((each.below for each in unmet if each.below), key=release_of, default="")
    bounds = [f"{lowest} or newer"] * bool(lowest) + [f"older than {below}"] * bool(below)
    why = next((clipped(each.evidence, 160) for each in unmet if each.evidence), "")
    return f"load with {_OF[part]} {' and '.join(bounds)}" + (f": {why}" if why else "")


def _unmet(requirement: Requirement, version: str) -> bool:
    return bool(
        (requirement.at_least and compared(version, requirement.at_least) < 0)
        or (requirement.below and compared(version, requirement.below) >= 0)
    )
