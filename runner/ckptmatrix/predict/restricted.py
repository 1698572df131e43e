"""What the restricted unpickler refuses: ``torch.load`` with ``weights_only=True``."""

from __future__ import annotations

import _compat_pickle
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.archive.reading import Format
from ckptmatrix.predict.knowledge import compiled, read_table, within, words_of
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import Release, parse_spans
from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Global, Reading
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.knowledge import WordTable
    from ckptmatrix.predict.spans import Span

__all__ = [
    "is_restricted",
    "lacks",
    "newer_that_allows",
    "refused",
    "refused_format",
    "refused_opcode",
    "refused_state",
]

_NOT_RESTRICTED = {Format.TAR: "tar archives", Format.TORCHSCRIPT: "TorchScript"}
_ALWAYS = frozenset({Mode.RESTRICTED, Mode.ALLOWLISTED})


class _ImportFirst(NamedTuple):
    spans: tuple[Span, ...]
    of: str
    names: frozenset[str]


class _Never(NamedTuple):
    spans: tuple[Span, ...]
    called: bool
    why: str


class _Unnamed(NamedTuple):
    function: str
    makes: str
    spans: tuple[Span, ...]


class _Rules(NamedTuple):
    exists: tuple[Span, ...]
    default: tuple[Span, ...]
    safe_globals: tuple[Span, ...]
    maps_names: tuple[Span, ...]
    blocked: tuple[tuple[Span, ...], frozenset[str]]
    globals: WordTable
    patterns: WordTable
    never: dict[str, _Never]
    unnamed: tuple[_Unnamed, ...]
    import_first: tuple[_ImportFirst, ...]
    opcodes: WordTable


@cache
def _rules() -> _Rules:
    table = read_table("allowed")
    return _Rules(
        exists=parse_spans(table["exists"]),
        default=parse_spans(table["default"]),
        safe_globals=parse_spans(table["safe_globals"]),
        maps_names=parse_spans(table["maps_names"]),
        blocked=(
            parse_spans(table["blocked"]["span"]),
            frozenset(table["blocked"]["modules"].split()),
        ),
        globals=words_of(table["globals"]),
        patterns=words_of(table["patterns"]),
        never={
            each["name"]: _Never(parse_spans(each["span"]), each.get("called", False), each["why"])
            for each in table["never"]
        },
        unnamed=tuple(
            _Unnamed(each["function"], each["makes"], parse_spans(each["span"]))
            for each in table["unnamed"]
        ),
        import_first=tuple(
            _ImportFirst(parse_spans(each["span"]), each["of"], frozenset(each["names"].split()))
            for each in table["import_first"]
        ),
        opcodes=words_of(table["opcodes"]),
    )


def lacks(mode: Mode, consumer: Consumer) -> str:
    """What a mode needs that ``torch.load`` lacks there, as said after "no"; empty if nothing."""
    rules = _rules()
    if mode is Mode.RESTRICTED and not within(rules.exists, consumer.torch):
        return "weights_only"
    if mode is Mode.ALLOWLISTED and not within(rules.safe_globals, consumer.torch):
        return "way to declare safe what a file asks for"
    return ""


def is_restricted(mode: Mode, consumer: Consumer) -> bool:
    """Whether a mode loads with the restricted unpickler in an environment."""
    if mode is Mode.TRUSTED:
        return False
    return mode in _ALWAYS or within(_rules().default, consumer.torch)


def newer_that_allows(reading: Reading, consumer: Consumer) -> str:
    """The first newer torch from which on nothing the file names or does is refused, or empty."""
    found: Release = ()
    for release in sorted(_changes(), reverse=True):
        there = replace(consumer, torch=release)
        if (
            release <= consumer.torch
            or refused_opcode(reading.opcodes, there)
            or any(
                refused(each, there, allowed=False, calls_unnamed=False) for each in reading.globals
            )
        ):
            break
        found = release
    return ".".join(map(str, found))


@cache
def _changes() -> frozenset[Release]:
    """Releases in which what is allowed is not what it was before."""
    rules = _rules()
    tables = (rules.globals, rules.patterns, rules.opcodes)
    spans = [span for table in tables for each in table.spans.values() for span in each]
    return frozenset({each for span in spans for each in (span.since, span.until)} - {()})


def refused_format(kind: Format, consumer: Consumer) -> Prediction | None:
    """Why a kind of file is refused, whatever is in it."""
    if kind not in _NOT_RESTRICTED or not within(_rules().default, consumer.torch):
        return None
    return Prediction(
        reason=Reason.WEIGHTS_ONLY_REFUSED,
        why=f"weights_only does not read {_NOT_RESTRICTED[kind]}",
    )


def refused_opcode(opcodes: tuple[str, ...], consumer: Consumer) -> Prediction | None:
    """Why the pickle itself is refused, whatever it names."""
    for opcode in opcodes:
        if not _rules().opcodes.has(opcode, consumer.torch):
            return Prediction(
                reason=Reason.WEIGHTS_ONLY_REFUSED,
                why=f"weights_only does not follow the opcode {opcode}",
            )
    return None


def refused_state(reading: Reading, consumer: Consumer) -> Prediction | None:
    """Why an object is refused its state: a function made it, of a class the file does not name.

    Only names that a loader has allowed come so far, so this is about those it could not know of.

    Args:
        reading: The file.
        consumer: The environment.
    """
    given = {state.dotted for state in reading.states}
    for rule in _rules().unnamed:
        if (
            rule.function in given
            and within(rule.spans, consumer.torch)
            and not any(compiled(rule.makes).fullmatch(each.dotted) for each in reading.globals)
        ):
            return Prediction(
                reason=Reason.WEIGHTS_ONLY_REFUSED,
                why=f"weights_only gives no state to what {rule.function} makes, "
                "whose class the file does not name",
            )
    return None


def refused(
    name: Global, consumer: Consumer, *, allowed: bool, calls_unnamed: bool
) -> Prediction | None:
    """Why a name is refused.

    Args:
        name: The name.
        consumer: The environment.
        allowed: Whether the loader declared safe what the file asks for.
        calls_unnamed: Whether the file calls something that it does not name.
    """
    rules = _rules()
    module, dotted = _as_read(name, consumer)
    if within(rules.blocked[0], consumer.torch) and module in rules.blocked[1]:
        return Prediction(
            reason=Reason.WEIGHTS_ONLY_REFUSED, why=f"weights_only takes nothing of {module}"
        )
    if allowed:
        return _never(dotted, consumer, calls_unnamed=calls_unnamed)
    if rules.globals.has(dotted, consumer.torch):
        return None
    for pattern in rules.patterns.spans:
        if rules.patterns.has(pattern, consumer.torch) and compiled(pattern).fullmatch(dotted):
            return None
    for first in rules.import_first:
        if dotted in first.names and within(first.spans, consumer.torch):
            return Prediction(
                reason=Reason.IMPORT_REQUIRED, why=f"{dotted} needs {first.of} imported before"
            )
    return Prediction(
        reason=Reason.WEIGHTS_ONLY_REFUSED, why=f"weights_only does not allow {dotted}"
    )


def _never(dotted: str, consumer: Consumer, *, calls_unnamed: bool) -> Prediction | None:
    rule = _rules().never.get(dotted)
    if rule is None or (rule.called and not calls_unnamed):
        return None
    if not within(rule.spans, consumer.torch):
        return None
    return Prediction(
        reason=Reason.WEIGHTS_ONLY_REFUSED, why=f"weights_only refuses {dotted}: {rule.why}"
    )


def _as_read(name: Global, consumer: Consumer) -> tuple[str, str]:
    """The module and the whole name as the restricted unpickler takes them."""
    if not within(_rules().maps_names, consumer.torch):
        return name.module, name.dotted
    module, called = _compat_pickle.NAME_MAPPING.get(
        (name.module, name.name),
        (_compat_pickle.IMPORT_MAPPING.get(name.module, name.module), name.name),
    )
    return module, f"{module}.{called}"
