"""What a case's metadata may say, field by field."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptmatrix.words import Mode, OpenedAs, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["FIELDS", "Fault", "fault_in"]

#: Metadata of a case; ``ckptcell.cases.base.Case`` says what each means.
FIELDS = (
    "name",
    "family",
    "title",
    "format",
    "modes",
    "cures",
    "variant_of",
    "cure",
    "filename",
    "needs",
    "loader",
    "state_is_all",
    "memory_bytes",
    "opened_as",
    "policy",
    "expect",
)

_NAME = re.compile(r"[a-z0-9_]{1,100}")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_LONGEST_TITLE = 200


class Fault(NamedTuple):
    """What is wrong with a value, and what to write instead."""

    message: str
    fix: str


def fault_in(
    field: str, values: Mapping[str, Any], table: Mapping[str, tuple[Mode, ...]]
) -> Fault | None:
    """What is wrong with one field of a case.

    Args:
        field: One of :data:`FIELDS`.
        values: All of them, by name.
        table: Format → modes.

    Returns:
        None when it is as it should be. What ``policy`` says is the judge's to check.
    """
    value = values[field]
    if field == "format":
        return _word(value, table, "format")
    if field == "modes":
        return _modes(value, table.get(str(values["format"])))
    return _CHECKS[field](value)


def _word(value: object, known: Iterable[str], what: str) -> Fault | None:
    words = [str(word) for word in known]
    if value in words:
        return None
    near = get_close_matches(str(value), words, n=1)
    fix = f'write "{near[0]}"' if near else f"write one of {', '.join(words)}"
    return Fault(f"{value!r} is no {what}", fix)


def _modes(value: object, known: tuple[Mode, ...] | None) -> Fault | None:
    if value is None or known is None:
        return None
    if not isinstance(value, (tuple, list)) or not value:
        return Fault("is not a tuple of modes", f'write for example ("{known[0]}",)')
    faults = (_word(word, known, "mode of its format") for word in value)
    return next((fault for fault in faults if fault), None)


def _cures(value: object) -> Fault | None:
    known = tuple(mode for mode in Mode if mode.is_cure)
    if not isinstance(value, (tuple, list)):
        return Fault("is not a tuple of cures", f'write for example ("{known[0]}",)')
    faults = (_word(word, known, "cure") for word in value)
    return next((fault for fault in faults if fault), None)


def _word_or_nothing(value: object) -> Fault | None:
    if value == "" or (isinstance(value, str) and _NAME.fullmatch(value)):
        return None
    return Fault(f"{value!r} is no name", "use lower-case letters, digits and _, at most 100")


def _name(value: object) -> Fault | None:
    if value == "":
        return Fault("is missing", 'write name = "…", unique, of lower-case letters, digits and _')
    if isinstance(value, str) and _NAME.fullmatch(value):
        return None
    return Fault(f"{value!r} is no name", "use lower-case letters, digits and _, at most 100")


def _family(value: object) -> Fault | None:
    if value == "":
        return Fault("is missing", 'write for example family = "state"')
    if isinstance(value, str) and _FAMILY.fullmatch(value):
        return None
    return Fault(f"{value!r} is no family", "use lower-case letters, digits, - and _, at most 50")


def _title(value: object) -> Fault | None:
    if value == "":
        return Fault("is missing", 'write title = "…", one sentence for tables')
    if isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_TITLE:
        return None
    return Fault("is not one line of text", f"write one line of at most {_LONGEST_TITLE} letters")


def _filename(value: object) -> Fault | None:
    if isinstance(value, str) and _FILENAME.fullmatch(value):
        return None
    return Fault(
        f"{value!r} is no plain file name", "use letters, digits, «.», «_» and «-», without folders"
    )


def _dotted(value: object) -> Fault | None:
    if isinstance(value, (tuple, list)) and all(
        isinstance(name, str) and _DOTTED.fullmatch(name) for name in value
    ):
        return None
    return Fault("is not a tuple of dotted names", 'write for example ("torch.float8_e4m3fn",)')


def _state_is_all(value: object) -> Fault | None:
    if isinstance(value, bool):
        return None
    return Fault("is neither True nor False", "write state_is_all = True, or leave it out")


def _memory_bytes(value: object) -> Fault | None:
    if value is None or (type(value) is int and value > 0):
        return None
    return Fault(f"{value!r} is no number of bytes", "write for example 33554432, or leave it out")


def _opened_as(value: object) -> Fault | None:
    return _word(value, OpenedAs, "way to open a file")


def _policy(value: object) -> Fault | None:
    if isinstance(value, dict):
        return None
    return Fault("is not a dict", 'write for example {"resume": {"rtol": 1e-9}}')


def _expect(value: object) -> Fault | None:
    if not isinstance(value, dict):
        return Fault("is not a dict", 'write for example {"verdict": "failed"}')
    modes = value.get("modes", {})
    if not isinstance(modes, dict):
        return Fault("has «modes» that is no dict", 'write "modes": {"plain": {…}}')
    for mode, answer in modes.items():
        fault = _word(mode, Mode, "mode") or _answer(answer, {"verdict", "reasons"})
        if fault:
            return fault
    return _answer(value, {"verdict", "reasons", "modes"})


def _answer(value: object, allowed: set[str]) -> Fault | None:
    if not isinstance(value, dict):
        return Fault("has a mode whose answer is no dict", 'write {"verdict": "failed"}')
    for key in value:
        fault = _word(key, sorted(allowed), "key of it")
        if fault:
            return fault
    if "verdict" in value and (fault := _word(value["verdict"], Verdict, "verdict")):
        return fault
    reasons = value.get("reasons", ())
    if not isinstance(reasons, (tuple, list)):
        return Fault("has «reasons» that is no list", 'write "reasons": ["file_corrupt"]')
    faults = (_word(reason, Reason, "reason") for reason in reasons)
    return next((fault for fault in faults if fault), None)


_CHECKS: Mapping[str, Callable[[object], Fault | None]] = {
    "name": _name,
    "family": _family,
    "title": _title,
    "cures": _cures,
    "variant_of": _word_or_nothing,
    "cure": _word_or_nothing,
    "filename": _filename,
    "needs": _dotted,
    "loader": _dotted,
    "state_is_all": _state_is_all,
    "memory_bytes": _memory_bytes,
    "opened_as": _opened_as,
    "policy": _policy,
    "expect": _expect,
}
