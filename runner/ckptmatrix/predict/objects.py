"""Whether a release's code can do with the objects in a file what it does."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.archive.reading import Format
from ckptmatrix.predict.knowledge import read_table, within, words_of
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import parse_spans
from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.reading import Reading, State
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.knowledge import WordTable
    from ckptmatrix.predict.loading import Loading
    from ckptmatrix.predict.spans import Span

__all__ = ["unusable"]

_COO = "torch.sparse_coo"
_HALF = "torch.float16"
_LAYERS = "torch.nn.modules."
_PATHS = frozenset({"pathlib", "pathlib._local"})


class _Key(NamedTuple):
    ending: str
    spans: tuple[Span, ...]


class _With(NamedTuple):
    of: frozenset[str]
    setting: re.Pattern[str]
    attributes: WordTable


class _Option(NamedTuple):
    option: str
    beside: str
    spans: tuple[Span, ...]


class _Schedule(NamedTuple):
    of: str
    keys: frozenset[str]
    needs: str
    spans: tuple[Span, ...]


class _Rules(NamedTuple):
    attributes: dict[str, WordTable]
    attributes_with: tuple[_With, ...]
    states: dict[str, tuple[Span, ...]]
    dicts: dict[str, tuple[Span, ...]]
    keys: tuple[_Key, ...]
    schedules: tuple[_Schedule, ...]
    not_on_cpu: tuple[_Option, ...]
    half_on_cpu: tuple[Span, ...]
    checks_sparse_at_once: tuple[Span, ...]


@cache
def _rules() -> _Rules:
    table = read_table("objects")
    return _Rules(
        attributes={name: words_of(spans) for name, spans in table["attributes"].items()},
        attributes_with=tuple(
            _With(
                frozenset(each["of"].split()),
                re.compile(each["setting"]),
                words_of(each["attributes"]),
            )
            for each in table["attributes_with"]
        ),
        states={name: parse_spans(span) for name, span in table["states"].items()},
        dicts={name: parse_spans(span) for name, span in table["dicts"].items()},
        schedules=tuple(
            _Schedule(each["of"], frozenset(each["keys"]), each["needs"], parse_spans(each["span"]))
            for each in table["schedules"]
        ),
        not_on_cpu=tuple(
            _Option(each["option"], each["beside"], parse_spans(each["span"]))
            for each in table["not_on_cpu"]
        ),
        keys=tuple(_Key(each["ending"], parse_spans(each["span"])) for each in table["keys"]),
        half_on_cpu=parse_spans(table["half_on_cpu"]),
        checks_sparse_at_once=parse_spans(table["checks_sparse_at_once"]),
    )


def unusable(reading: Reading, consumer: Consumer, loading: Loading) -> Prediction | None:
    """Why what can be unpickled is of no use.

    Args:
        reading: The file.
        consumer: The environment.
        loading: How it is loaded.
    """
    return (
        _path(reading, consumer)
        or _state(reading, consumer)
        or _sparse(reading, consumer)
        or _key(reading, consumer, loading.mode)
        or _attribute(reading, consumer)
        or _half(reading, consumer, loading.device)
        or _schedule(reading, consumer)
        or _option(reading, consumer, loading.device)
    )


def _path(reading: Reading, consumer: Consumer) -> Prediction | None:
    other = "PosixPath" if consumer.system == "win" else "WindowsPath"
    named = any(each.name == other and each.module in _PATHS for each in reading.globals)
    if not named or not consumer.system:
        return None
    return Prediction(
        reason=Reason.LOAD_ERROR, why=f"a pathlib.{other} can only be made on its own system"
    )


def _state(reading: Reading, consumer: Consumer) -> Prediction | None:
    given = {state.dotted for state in reading.states}
    for call in reading.calls:
        spans = _rules().states.get(call.dotted)
        if spans is None or call.dotted in given or within(spans, consumer.torch):
            continue
        return Prediction(
            reason=Reason.SIGNATURE_MISMATCH,
            why=f"{call.dotted} is given a state that is no dict, which it does not take",
        )
    for dotted in sorted(given & _rules().dicts.keys()):
        if not within(_rules().dicts[dotted], consumer.torch):
            return Prediction(
                reason=Reason.FILE_CORRUPT,
                why=f"{dotted} is given a dict for a state and takes a tuple: an index is no key",
            )
    return None


def _sparse(reading: Reading, consumer: Consumer) -> Prediction | None:
    sparse = reading.format is Format.LEGACY and any(
        tensor.layout == _COO for tensor in reading.tensors
    )
    if not sparse or not within(_rules().checks_sparse_at_once, consumer.torch):
        return None
    return Prediction(
        reason=Reason.LAYOUT_UNSUPPORTED,
        why="the indices of a sparse tensor are checked before their bytes are read",
    )


def _key(reading: Reading, consumer: Consumer, mode: Mode) -> Prediction | None:
    if mode is Mode.PARTIAL:
        return None
    for rule in _rules().keys:
        found = next((key for key in reading.keys if key.endswith(rule.ending)), None)
        if found is not None and not within(rule.spans, consumer.torch):
            return Prediction(
                reason=Reason.UNEXPECTED_KEYS, why=f"load_state_dict does not take the key {found}"
            )
    return None


def _attribute(reading: Reading, consumer: Consumer) -> Prediction | None:
    for state in reading.states:
        for needed in _needed(state):
            for attribute in needed.spans:
                if needed.has(attribute, consumer.torch) and attribute not in state.attributes:
                    return Prediction(
                        reason=Reason.FORWARD_ERROR,
                        why=f"forward of {state.dotted} reads the attribute {attribute}, which its "
                        "objects in the file do not have",
                    )
    return None


def _needed(state: State) -> Iterator[WordTable]:
    """What forward of a class reads, as its objects in the file are set."""
    always = _rules().attributes.get(state.dotted)
    if always is not None:
        yield always
    for rule in _rules().attributes_with:
        if state.dotted in rule.of and any(map(rule.setting.fullmatch, state.settings)):
            yield rule.attributes


def _half(reading: Reading, consumer: Consumer, device: str) -> Prediction | None:
    """Layers all of whose tensors are of half precision cannot compute on an old release's CPU."""
    layers = any(state.dotted.startswith(_LAYERS) for state in reading.states)
    half = bool(reading.tensors) and all(tensor.dtype == _HALF for tensor in reading.tensors)
    if device != "cpu" or not layers or not half or within(_rules().half_on_cpu, consumer.torch):
        return None
    return Prediction(
        reason=Reason.FORWARD_ERROR, why="its layers are of half precision, and run on the CPU"
    )


def _schedule(reading: Reading, consumer: Consumer) -> Prediction | None:
    for keys in reading.schedulers:
        for rule in _rules().schedules:
            if (
                rule.keys.issubset(keys)
                and rule.needs not in keys
                and within(rule.spans, consumer.torch)
            ):
                return Prediction(
                    reason=Reason.MISSING_KEYS,
                    why=f"a state of {rule.of} lacks {rule.needs}, which load_state_dict asks for",
                )
    return None


def _option(reading: Reading, consumer: Consumer, device: str) -> Prediction | None:
    for group in reading.groups:
        for rule in _rules().not_on_cpu:
            if (
                device == "cpu"
                and rule.option in group.on
                and rule.beside in group.options
                and within(rule.spans, consumer.torch)
            ):
                return Prediction(
                    reason=Reason.RESUME_ERROR,
                    why=f"its optimizer steps with {rule.option}=True, which is not for the CPU",
                )
    return None
