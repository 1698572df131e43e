"""What must be so, beside an exception's words, for a signature to hold. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckptmatrix.archive.reading import Format
from ckptmatrix.diagnose.leaves import (
    are_swapped,
    in_file,
    is_byteswapped,
    keeps_file_dtype,
    shares_storage,
)
from ckptmatrix.diagnose.versions import Range, compared, parse_range
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.diagnose.evidence import Evidence
    from ckptmatrix.judge.outcome import Difference
    from ckptmatrix.wire import Facts

__all__ = ["Conditions"]

_PARTS = ("torch", "numpy", "python")
_RELATIONS = {1: "newer", -1: "older", 0: "same"}


@dataclass(frozen=True, kw_only=True)
class _Leaf:
    """Which difference is meant: its kind, and patterns for where and what it is."""

    what: frozenset[Reason] = frozenset()
    path: re.Pattern[str] | None = None
    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> _Leaf:
        fields = dict(entry)
        what = frozenset(Reason(word) for word in fields.pop("what", ()))
        return cls(what=what, **{name: re.compile(text) for name, text in fields.items()})

    def match(self, difference: Difference) -> dict[str, str] | None:
        """The groups its patterns found, or None when it is another difference."""
        if self.what and difference.what not in self.what:
            return None
        groups: dict[str, str] = {}
        for name in ("path", "before", "after"):
            pattern: re.Pattern[str] | None = getattr(self, name)
            found = pattern.search(getattr(difference, name)) if pattern else None
            if pattern and found is None:
                return None
            groups |= _groups(found)
        return groups


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What must be so. What is left out may be anything.

    Attributes:
        producer: Part (``torch``, ``numpy``, ``python``) → its releases. Holds where nobody here
            produced the file: then the exception's own words have to be enough.
        consumer: The same of the cell that loads, whose facts must be known.
        producer_is: Part → ``newer``, ``older``, ``same``: the producer's compared with the
            consumer's. Holds where nobody here produced the file.
        producer_known: Whether somebody here produced the file.
        case_format: Formats of cases, keys of ``ckptcell.modes.MODES``.
        mode: How it was loaded.
        device: Matches where tensors are to live.
        modes: What the same checkpoint came to in other modes, which must be known.
        warning: Is searched in each warning.
        difference: The worst difference.
        any_difference: At least one difference.
        every_difference: All differences.
        only_difference: The one difference, when there is no other.
        swapped: Whether one leaf has the value that another had.
        byteswapped: Whether the worst difference is one of byte order.
        shared_storage: Whether the file has it in the same memory as a tensor of another dtype.
        leaf_in_file: Whether the file has a tensor of the worst difference's name.
        file_dtype: Whether the file has it in the dtype it was saved with.
        file: Is searched in what the file says of itself, by part: ``global``
            (``collections.OrderedDict``), ``call`` (``torch._utils._rebuild_tensor_v2/6`` with the
            number of arguments), ``dtype`` and ``device`` (of its storages), ``defect``, ``key``
            (of its root), ``tensor`` (its path), ``root`` (its class), ``protocol``,
            ``byteorder``, ``note``.
        format: What kind of file it is.
    """

    producer: Mapping[str, Range] = field(default_factory=dict)
    consumer: Mapping[str, Range] = field(default_factory=dict)
    producer_is: Mapping[str, str] = field(default_factory=dict)
    producer_known: bool | None = None
    case_format: frozenset[str] = frozenset()
    mode: frozenset[Mode] = frozenset()
    device: re.Pattern[str] | None = None
    modes: Mapping[Mode, frozenset[Verdict]] = field(default_factory=dict)
    warning: re.Pattern[str] | None = None
    difference: _Leaf | None = None
    any_difference: _Leaf | None = None
    every_difference: _Leaf | None = None
    only_difference: _Leaf | None = None
    swapped: bool | None = None
    byteswapped: bool | None = None
    shared_storage: bool | None = None
    leaf_in_file: bool | None = None
    file_dtype: bool | None = None
    file: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    format: frozenset[Format] = frozenset()

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Conditions:
        """Conditions from their YAML.

        Raises:
            ValueError: There is no such condition, or a word or range is not one.
            re.error: A pattern is not one.
        """
        unknown = entry.keys() - _PARSERS.keys()
        if unknown:
            msg = f"there is no condition {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        return cls(**{name: _PARSERS[name](value) for name, value in entry.items()})

    def met_by(self, evidence: Evidence) -> dict[str, str] | None:
        """What its patterns found, by the names of their groups; None when something is not so."""
        if not (self._environments(evidence) and self._attempt(evidence)):
            return None
        groups: dict[str, str] = {}
        for found in (
            _searched(self.warning, evidence.warnings),
            self._differences(evidence.judgement.differences),
            self._file(evidence),
        ):
            if found is None:
                return None
            groups |= found
        return groups

    def _environments(self, evidence: Evidence) -> bool:
        saver, loader = evidence.producer, evidence.consumer
        if self.producer_known not in {None, saver is not None}:
            return False
        for part, releases in self.producer.items():
            if saver is not None and _version(saver, part) not in releases:
                return False
        for part, releases in self.consumer.items():
            if loader is None or _version(loader, part) not in releases:
                return False
        if saver is None or loader is None:
            return True
        return all(
            _RELATIONS[compared(_version(saver, part) or "", _version(loader, part) or "")] == word
            for part, word in self.producer_is.items()
        )

    def _attempt(self, evidence: Evidence) -> bool:
        return (
            (not self.case_format or evidence.case.format in self.case_format)
            and (not self.mode or evidence.mode in self.mode)
            and (self.device is None or self.device.fullmatch(evidence.device) is not None)
            and all(
                mode in evidence.modes and evidence.modes[mode].verdict in verdicts
                for mode, verdicts in self.modes.items()
            )
        )

    def _differences(self, differences: tuple[Difference, ...]) -> dict[str, str] | None:
        groups: dict[str, str] = {}
        for leaf, some, most in (
            (self.difference, differences[:1], 1),
            (self.only_difference, differences if len(differences) == 1 else (), 1),
            (self.any_difference, differences, 1),
            (self.every_difference, differences, len(differences)),
        ):
            if leaf is not None:
                found = [each for each in map(leaf.match, some) if each is not None]
                if not found or len(found) < most:
                    return None
                groups |= found[0]
        if self.swapped is not None and self.swapped != are_swapped(differences):
            return None
        if self.byteswapped is not None and (
            not differences or self.byteswapped != is_byteswapped(differences[0])
        ):
            return None
        return groups

    def _is_leaf(self, worst: Difference, reading: Reading) -> bool:
        return (
            self.leaf_in_file in {None, in_file(worst, reading) is not None}
            and self.file_dtype in {None, keeps_file_dtype(worst, reading)}
            and self.shared_storage in {None, shares_storage(worst, reading)}
        )

    def _file(self, evidence: Evidence) -> dict[str, str] | None:
        reading = evidence.reading
        worst = evidence.judgement.differences[:1]
        about_leaf = any(
            each is not None for each in (self.leaf_in_file, self.file_dtype, self.shared_storage)
        )
        if not self.file and not self.format and not about_leaf:
            return {}
        if reading is None or (self.format and reading.format not in self.format):
            return None
        if about_leaf and not (worst and reading.tensors and self._is_leaf(worst[0], reading)):
            return None
        groups: dict[str, str] = {}
        for part, pattern in self.file.items():
            found = _searched(pattern, _FILE[part](reading))
            if found is None:
                return None
            groups |= found
        return groups


#: What a file says of itself, as texts to search.
_FILE: dict[str, Callable[[Reading], Iterable[str]]] = {
    "global": lambda reading: (each.dotted for each in reading.globals),
    "call": lambda reading: (f"{each.dotted}/{each.arguments}" for each in reading.calls),
    "dtype": lambda reading: sorted({each.dtype for each in reading.storages}),
    "device": lambda reading: sorted({each.device for each in reading.storages}),
    "defect": lambda reading: reading.defects,
    "key": lambda reading: reading.keys,
    "tensor": lambda reading: (each.path for each in reading.tensors),
    "root": lambda reading: (reading.root,),
    "protocol": lambda reading: (str(reading.protocol),) if reading.protocol is not None else (),
    "byteorder": lambda reading: (str(reading.byteorder or ""),),
    "note": lambda reading: (reading.note,),
}


def _searched(pattern: re.Pattern[str] | None, texts: Iterable[str]) -> dict[str, str] | None:
    """The groups of the first text in which it is found; None when it is in none."""
    if pattern is None:
        return {}
    found = next(filter(None, map(pattern.search, texts)), None)
    return None if found is None else _groups(found)


def _groups(found: re.Match[str] | None) -> dict[str, str]:
    return {} if found is None else {name: text or "" for name, text in found.groupdict().items()}


def _version(facts: Facts, part: str) -> str | None:
    version: str | None = getattr(facts, part)
    return version


def _relation(word: str) -> str:
    return _word(word, tuple(_RELATIONS.values()))


def _word(word: str, words: Collection[str]) -> str:
    if word not in words:
        msg = f"{word!r} is none of {', '.join(words)}"
        raise ValueError(msg)
    return word


def _ranges(value: Mapping[str, str]) -> dict[str, Range]:
    return {_word(part, _PARTS): parse_range(text) for part, text in value.items()}


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "producer": _ranges,
    "consumer": _ranges,
    "producer_is": lambda value: {_word(p, _PARTS): _relation(w) for p, w in value.items()},
    "producer_known": bool,
    "case_format": frozenset,
    "mode": lambda value: frozenset(map(Mode, value)),
    "device": re.compile,
    "modes": lambda value: {Mode(m): frozenset(map(Verdict, v)) for m, v in value.items()},
    "warning": re.compile,
    "difference": _Leaf.parse,
    "any_difference": _Leaf.parse,
    "every_difference": _Leaf.parse,
    "only_difference": _Leaf.parse,
    "swapped": bool,
    "byteswapped": bool,
    "shared_storage": bool,
    "leaf_in_file": bool,
    "file_dtype": bool,
    "file": lambda value: {_word(p, tuple(_FILE)): re.compile(t) for p, t in value.items()},
    "format": lambda value: frozenset(map(Format, value)),
}
