"""Whether a release takes the arguments a pickle gives to its functions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ckptmatrix.predict.container import reads_compressed_layouts
from ckptmatrix.predict.knowledge import compiled, read_table, table_of, within
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import parse_spans
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Call, Global, Reading
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.knowledge import Table
    from ckptmatrix.predict.spans import Release, Span

__all__ = ["given_class", "misfit"]

_COO = "torch.sparse_coo"
#: As which a reading's shape of a call has None.
_NONE = -1
#: What rebuilds any layout since 2.0; before, CSR had a function of its own.
_BY_LAYOUT = "_rebuild_sparse_tensor"


class _Tuple(NamedTuple):
    call: str
    layout: str
    lengths: Table[list[int]]


class _Arguments(NamedTuple):
    of: str
    counts: Table[list[int]]


class _Beside(NamedTuple):
    function: str
    pattern: str
    of: str
    spans: tuple[Span, ...]


class _Rules(NamedTuple):
    arguments: dict[str, _Arguments]
    none: dict[str, tuple[Span, ...]]
    tuples: tuple[_Tuple, ...]
    beside: tuple[_Beside, ...]


@cache
def _rules() -> _Rules:
    table = read_table("calls")
    return _Rules(
        arguments={
            name: _Arguments(of, table_of(spans))
            for of, functions in table["arguments"].items()
            for name, spans in functions.items()
        },
        none={name: parse_spans(span) for name, span in table["none"].items()},
        tuples=tuple(
            _Tuple(each["call"], each["layout"], table_of(each["spans"]))
            for each in table["tuples"]
        ),
        beside=tuple(
            _Beside(each["function"], each["with"], each["of"], parse_spans(each["span"]))
            for each in table["beside"]
        ),
    )


def misfit(reading: Reading, consumer: Consumer) -> Prediction | None:
    """Why a call that unpickling makes fails.

    Args:
        reading: The file.
        consumer: The environment.
    """
    layouts = {tensor.layout for tensor in reading.tensors if tensor.rebuild.endswith(_BY_LAYOUT)}
    return _layout(layouts, consumer) or next(
        (why for call in reading.calls if (why := _of_call(call, layouts, consumer))), None
    )


def _layout(layouts: set[str], consumer: Consumer) -> Prediction | None:
    others = sorted(layouts - {_COO, ""})
    if not others or reads_compressed_layouts(consumer):
        return None
    return Prediction(
        reason=Reason.LAYOUT_UNSUPPORTED,
        why=f"a tensor has the layout {others[0]}, which is not rebuilt",
    )


def _of_call(call: Call, layouts: set[str], consumer: Consumer) -> Prediction | None:
    rules = _rules()
    if call.dotted in rules.arguments and call.arguments >= 0:
        rule = rules.arguments[call.dotted]
        takes = rule.counts.at(_release(rule.of, consumer))
        if takes is not None and not takes[0] <= call.arguments <= takes[1]:
            return Prediction(
                reason=Reason.SIGNATURE_MISMATCH,
                why=f"{call.dotted} is given {call.arguments} arguments and takes {takes[1]}",
            )
    if call.dotted in rules.none and _NONE in call.shape[-1:]:
        if not within(rules.none[call.dotted], consumer.torch):
            return Prediction(
                reason=Reason.SIGNATURE_MISMATCH,
                why=f"{call.dotted} does not take None for a state",
            )
        return None
    for form in rules.tuples:
        lengths = form.lengths.at(consumer.torch)
        fits = lengths is None or not call.shape or call.shape[-1] in lengths
        if form.call == call.dotted and form.layout in layouts and not fits:
            return Prediction(
                reason=Reason.SIGNATURE_MISMATCH,
                why=f"{call.dotted} is given a tuple of {call.shape[-1]}",
            )
    return None


def _release(of: str, consumer: Consumer) -> Release:
    return consumer.numpy if of == "numpy" else consumer.torch


def given_class(name: Global, reading: Reading, consumer: Consumer) -> Prediction | None:
    """Why a class cannot be given to a function that takes a name of one.

    Args:
        name: What is looked up; the function is called right after.
        reading: The file.
        consumer: The environment.
    """
    for rule in _rules().beside:
        if (
            compiled(rule.pattern).fullmatch(name.dotted)
            and within(rule.spans, _release(rule.of, consumer))
            and any(each.dotted == rule.function for each in reading.globals)
        ):
            return Prediction(
                reason=Reason.SIGNATURE_MISMATCH,
                why=f"{rule.function} does not take {name.dotted}",
            )
    return None
