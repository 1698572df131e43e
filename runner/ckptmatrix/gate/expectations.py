"""``expect.yaml``: loads that are known not to be as they should, why, and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ckptmatrix.errors import MatrixError
from ckptmatrix.matrix.source import read_source
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.matrix.source import Address, Source

__all__ = ["Expectation", "read_expectations"]

_PATTERNS = ("producer", "consumer", "case", "device")
_KEYS = (*_PATTERNS, "mode", "verdict", "reason", "why", "link", "expires")
_NEEDED = ("verdict", "why", "expires")
_VERDICTS = (Verdict.CHANGED, Verdict.FAILED, Verdict.OK)
_EXAMPLE = "expect: [{case: 'numpy_*', verdict: failed, why: '…', expires: 2027-01-31}]"


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One thing that is known.

    Attributes:
        line: Where it begins in its file.
        producer: Patterns over ids of cells that save, as for ``--cells``; so are the next two.
        consumer: Over ids of cells that load.
        case: Over names of cases; ``family:numpy`` means a family.
        device: Over devices of the consumer.
        modes: How it is loaded; empty for every way.
        verdict: What such a load comes to.
        reason: Why; None for any reason.
        why: For people: why it is so and nothing is done about it yet.
        link: Where that is written down; may be empty.
        expires: The last day on which it is accepted.
    """

    line: int
    producer: str = "*"
    consumer: str = "*"
    case: str = "*"
    device: str = "*"
    modes: tuple[Mode, ...] = ()
    verdict: Verdict
    reason: Reason | None = None
    why: str
    link: str = ""
    expires: date

    @property
    def sentence(self) -> str:
        """``line 3: numpy_* → py3.8-*: failed (missing_module), until 2027-01-31: why``."""
        sides = f"{self.producer} → {self.consumer}" if self.has_sides else "everywhere"
        modes = f", mode {', '.join(self.modes)}" if self.modes else ""
        reason = f" ({self.reason})" if self.reason else ""
        return (
            f"line {self.line}: {self.case}, {sides}{modes}: {self.verdict}{reason}, until "
            f"{self.expires}: {self.why}"
        )

    @property
    def has_sides(self) -> bool:
        """Whether it is about some cells only."""
        return (self.producer, self.consumer) != ("*", "*")


def read_expectations(path: Path) -> tuple[Expectation, ...]:
    """Read the file.

    Args:
        path: YAML with one key, ``expect``: a list of entries whose keys are the attributes of
            :class:`Expectation`, ``mode`` a word or a list. ``verdict``, ``why`` and ``expires``
            (a day, ``2027-01-31``) are needed.

    Raises:
        MatrixError: With every problem, each with its line.
    """
    source = read_source(path, example=_EXAMPLE)
    entries = _entries(source)
    found = tuple(
        expectation
        for number, entry in enumerate(entries)
        if (expectation := _entry(source, ("expect", number), entry)) is not None
    )
    if source.problems:
        raise MatrixError(path, source.problems)
    return found


def _entries(source: Source) -> list[Any]:
    data = source.data
    if not isinstance(data, dict):
        source.problem((), "the file must be a mapping", f"write {_EXAMPLE}")
        return []
    for key in data:
        if key != "expect":
            source.problem((key,), f"there is no key «{key}»", "its only key is expect", key=True)
    entries = data.get("expect", [])
    if not isinstance(entries, list):
        source.problem(("expect",), "expect must be a list", "start each entry with «- »")
        return []
    return entries


def _entry(source: Source, address: Address, entry: object) -> Expectation | None:
    """One entry, or None when something in it is wrong, which is noted."""
    before = len(source.problems)
    if not isinstance(entry, dict):
        source.problem(address, "an entry must be a mapping", f"write {_EXAMPLE}")
        return None
    for key in entry:
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, n=1, cutoff=0.6)
            fix = f"did you mean {close[0]}?" if close else f"its keys are {', '.join(_KEYS)}"
            source.problem((*address, key), f"there is no key «{key}» in an entry", fix, key=True)
    for key in _NEEDED:
        if entry.get(key) is None or entry.get(key) == "":
            source.problem(address, f"the entry lacks {key}", f"write {_EXAMPLE}")

    def text(key: str, otherwise: str) -> str:
        return _text(source, (*address, key), entry[key]) if key in entry else otherwise

    def word(key: str, known: tuple[Any, ...]) -> Any:  # noqa: ANN401 - of the kind of the known
        return _word(source, (*address, key), entry.get(key), known)

    modes = entry.get("mode") or []
    found = {
        **{key: text(key, "*") for key in _PATTERNS},
        "why": text("why", ""),
        "link": text("link", ""),
        "modes": tuple(
            _word(source, (*address, "mode"), mode or "", tuple(Mode))
            for mode in (modes if isinstance(modes, list) else [modes])
        ),
        "verdict": word("verdict", _VERDICTS),
        "reason": word("reason", tuple(Reason)),
        "expires": _day(source, (*address, "expires"), entry.get("expires")),
    }
    if len(source.problems) > before:
        return None
    fields: dict[str, Any] = found
    return Expectation(line=source.place(address).line, **fields)


def _text(source: Source, address: Address, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    source.problem(address, f"{address[-1]} must be text", "put it in quotes")
    return ""


def _word(source: Source, address: Address, value: object, known: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
    """A word of the vocabulary; None where there is none, or a wrong one, which is noted."""
    if value is None:
        return None
    if isinstance(value, str) and value in known:
        return known[known.index(value)]
    close = get_close_matches(str(value), known, n=1, cutoff=0.5)
    words = f"one of {', '.join(known)}" if len(known) < 12 else "a word of the report"  # noqa: PLR2004 - one line
    fix = f"did you mean {close[0]}?" if close else f"write {words}"
    source.problem(address, f"«{value}» is no {address[-1]}", fix)
    return None


def _day(source: Source, address: Address, value: object) -> date | None:
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    source.problem(address, f"«{value}» is no day", "write it as 2027-01-31")
    return None
