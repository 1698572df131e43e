"""What pydantic finds wrong, in words, at the place in the file where it is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from ckptmatrix.matrix.notation import COMPLAINT
from ckptmatrix.matrix.schema import MatrixFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from ckptmatrix.matrix.source import Address, Source

__all__ = ["complain"]

#: What a text must look like, by the key it stands under, where only a pattern is checked.
_FORMS = {
    "name": ("a name", "use letters, digits, «.», «_» and «-», at most 64"),
    "debian": ("the name of a Debian suite", 'write a suite\'s name, for example "bookworm"'),
    "image": ("the name of an image", 'write for example "registry.example/team/image:tag"'),
    "interpreter": ("an absolute path", 'write for example "/opt/venv/bin/python"'),
    "devices": ("a device", 'write "cpu", "cuda", or one GPU such as "cuda:0"'),
    "select": ("a pattern for cases", 'write a name, a glob such as "resume_*", or "family:state"'),
    "exclude": (
        "a pattern for cases",
        'write a name, a glob such as "resume_*", or "family:state"',
    ),
}
_VERSIONS = frozenset({"python", "torch", "cuda", "numpy"})
_UNITS = {"memory": "GB", "disk": "GB", "output": "MB", "timeout": "s"}
_LISTS = {
    "python": '["3.11"]',
    "torch": '["2.6.0"]',
    "cuda": '["default"]',
    "numpy": '["<2"]',
    "devices": '["cpu"]',
    "select": '["*"]',
}
_TRUTH = "truth value"


def complain(source: Source, error: ValidationError) -> None:
    """Note every finding of ``error`` among the problems of ``source``."""
    for detail in error.errors(include_url=False):
        address: Address = detail["loc"]
        if address in source.refused:
            continue
        message, fix = _words(source, address, detail)
        source.problem(address, message, fix, key=detail["type"] == "extra_forbidden")


def _words(source: Source, address: Address, detail: ErrorDetails) -> tuple[str, str]:
    kind = detail["type"]
    given = detail["input"]
    context: dict[str, Any] = detail.get("ctx") or {}
    answers: dict[str, Callable[[], tuple[str, str]]] = {
        COMPLAINT: lambda: (context["message"], context["fix"]),
        "extra_forbidden": lambda: _unknown_key(address),
        "missing": lambda: (
            f"{_name(address[:-1])} lacks the key {address[-1]}",
            f"add {address[-1]}: {_LISTS.get(_key(address), '…')}",
        ),
        "string_type": lambda: _not_text(source, address, given),
        "string_pattern_mismatch": lambda: _misshapen(address, given),
        "literal_error": lambda: _not_among(address, given),
        "too_short": lambda: _empty(address),
        "string_too_short": lambda: _empty(address),
    }
    if kind in answers:
        return answers[kind]()
    if kind in _SHAPES:
        return _shape(source, address, given, _SHAPES[kind])
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return words.format(name=_name(address), bound=context[key]), ""
    return f"{_name(address)}: {detail['msg']}", ""


#: What pydantic's error types say is due.
_SHAPES = {
    "list_type": "a list",
    "model_type": "a mapping",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
}

#: Which number of an error's context is the bound, and what to say of it.
_BOUNDS = {
    "too_long": ("max_length", "{name} has more than {bound:,} entries"),
    "string_too_long": ("max_length", "{name} is longer than {bound:,} characters"),
    "less_than_equal": ("le", "{name} must be at most {bound:,}"),
    "greater_than_equal": ("ge", "{name} must be at least {bound:,}"),
}


def _misshapen(address: Address, given: object) -> tuple[str, str]:
    what, fix = _FORMS[_key(address)]
    return f"«{given}» is not {what}", fix


def _not_among(address: Address, given: object) -> tuple[str, str]:
    allowed = sorted(get_args(_annotation(address)))
    close = get_close_matches(str(given), allowed, n=1)
    fix = f"did you mean {close[0]}?" if close else ""
    return f"«{given}» is not one of {', '.join(allowed)}", fix


def _empty(address: Address) -> tuple[str, str]:
    key = _key(address)
    if not address:
        return "the matrix is empty", "add axes, or include with single cells"
    if address[0] == "axes" and key in _LISTS:
        return f"{_name(address)} is empty", f"write a list, for example {key}: {_LISTS[key]}"
    return f"{_name(address)} is empty", "write a value, or remove it"


def _unknown_key(address: Address) -> tuple[str, str]:
    key = str(address[-1])
    model = _annotation(address[:-1])
    known = list(model.model_fields)
    close = get_close_matches(key, known, n=1, cutoff=0.7)
    message = f"there is no key «{key}» in {_name(address[:-1])}"
    return message, f"did you mean {close[0]}?" if close else f"its keys are {', '.join(known)}"


def _not_text(source: Source, address: Address, value: object) -> tuple[str, str]:
    written = source.spelling.get(address, "")
    key = _key(address)
    if value is None:
        return f"{_name(address)} has an empty entry", "write a value, or remove the entry"
    if isinstance(value, (list, dict)):
        shape = "a list" if isinstance(value, list) else "a mapping"
        fix = "make one entry for each value" if key in _VERSIONS else ""
        return f"{_name(address)} must be a single value, not {shape}", fix
    if key in _UNITS and not isinstance(value, bool):
        return f"{written} has no unit", f"write for example {written}{_UNITS[key]}"
    what = f"a {_TRUTH}" if isinstance(value, bool) else f"the number {value}"
    meant = f"{written}.0" if key == "torch" and written.count(".") == 1 else written
    quoted = f'put it in quotes: "{meant}"'
    if isinstance(value, bool) or str(value) != written:
        return f"without quotes YAML reads {written} as {what}", quoted
    return (
        f"without quotes {written} is a number, not {'a version' if key in _VERSIONS else 'text'}",
        quoted,
    )


def _shape(source: Source, address: Address, value: object, due: str) -> tuple[str, str]:
    if value is None:
        return _empty(address)
    got = _shape_of(value)
    if due == "a whole number":
        fix = "write digits only"
    elif due == "a mapping":
        fix = f"its keys are {', '.join(_annotation(address).model_fields)}"
    elif isinstance(value, dict):
        fix = "start each entry with «- »"
    else:
        fix = f'write ["{source.spelling.get(address, "")}"]'
    return f"{_name(address)} must be {due}, not {got}", fix


def _shape_of(value: object) -> str:
    if isinstance(value, bool):
        return f"a {_TRUTH}"
    if isinstance(value, (int, float)):
        return "the number " + str(value)
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _key(address: Address) -> str:
    """The last word of an address: list positions have no name of their own."""
    return next((part for part in reversed(address) if isinstance(part, str)), "")


def _name(address: Address) -> str:
    """``include 2``, ``axes.python``: how a place is called in a sentence."""
    if not address:
        return "the matrix"
    name = ""
    for part in address:
        if isinstance(part, int):
            name += f" {part + 1}"
        else:
            name += f".{part}" if name else part
    return name


def _annotation(address: Address) -> Any:  # noqa: ANN401 - a type, of which there is no general type
    """The annotated type of what lies at an address."""
    found: Any = MatrixFile
    for part in address:
        found = found.model_fields[part].annotation if isinstance(part, str) else _item(found)
        if get_origin(found) is not list:
            found = next((arg for arg in get_args(found) if _is_model(arg)), found)
    return found


def _item(kind: Any) -> Any:  # noqa: ANN401 - as above
    """What a list type is a list of, without what is annotated to it."""
    return get_args(kind)[0]


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
