"""Whether the names a pickle looks up are there."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ckptmatrix.predict.knowledge import read_table, within, words_of
from ckptmatrix.predict.prediction import Prediction
from ckptmatrix.predict.spans import parse_spans
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Global
    from ckptmatrix.predict.consumer import Consumer
    from ckptmatrix.predict.knowledge import WordTable
    from ckptmatrix.predict.spans import Release, Span

__all__ = ["missing", "unimportable"]

#: The program that loads is another one than the script that saved.
_SCRIPT = "__main__"
#: Modules that the cell program brings along.
_OURS = "ckptcell"
#: As which the judge knows a missing dtype.
_DTYPE = re.compile(r"(?:b?float|u?int|bits|complex|qu?int)\d\w{0,40}|\w{1,40}Storage")
#: Names of Python 2, which protocols up to 2 write; ``_compat_pickle`` of Python has all.
_PYTHON_2 = frozenset({"__builtin__", "copy_reg", "cPickle", "Queue", "ConfigParser", "StringIO"})


class _Package(NamedTuple):
    modules: WordTable
    names: dict[str, WordTable]


class _Unimportable(NamedTuple):
    module: str
    torch: tuple[Span, ...]
    python: tuple[Span, ...]


@cache
def _unimportable() -> tuple[_Unimportable, ...]:
    return tuple(
        _Unimportable(each["module"], parse_spans(each["torch"]), parse_spans(each["python"]))
        for each in read_table("names")["unimportable"]
    )


@cache
def _package(top: str) -> _Package:
    table: dict[str, Any] = (
        read_table("torch_names") if top == "torch" else read_table("names")[top]
    )
    return _Package(
        modules=words_of(table["modules"]),
        names={module: words_of(names) for module, names in table["names"].items()},
    )


def missing(name: Global, consumer: Consumer) -> Prediction | None:
    """Why looking a name up fails in an environment; None when it does not, or that is not known.

    Args:
        name: The name.
        consumer: The environment.
    """
    top = name.module.partition(".")[0]
    if name.module == _SCRIPT:
        return Prediction(
            reason=Reason.MISSING_GLOBAL,
            why=f"{name.dotted} was defined in the script that saved it, and another one loads it",
        )
    match top:
        case "torch":
            return _of_package(name, "torch", consumer.torch)
        case "numpy":
            if not consumer.numpy:
                return Prediction(
                    reason=Reason.MISSING_MODULE,
                    why=f"{name.dotted} needs NumPy, which is not there",
                )
            return _of_package(name, "numpy", consumer.numpy)
        case _ if top in _PYTHON_2 or top.startswith(_OURS) or _is_brought(top, consumer):
            return None
        case _:
            return _of_package(name, "python", consumer.python) or _of_another(name, top, consumer)


def unimportable(names: tuple[Global, ...], consumer: Consumer) -> Prediction | None:
    """Why a module that a file needs cannot be imported, though it is there.

    Args:
        names: What the file looks up.
        consumer: The environment.
    """
    for rule in _unimportable():
        if not within(rule.torch, consumer.torch) or not within(rule.python, consumer.python):
            continue
        for name in names:
            if f"{name.module}.".startswith(f"{rule.module}."):
                return Prediction(
                    reason=Reason.MISSING_MODULE,
                    why=f"{name.dotted}: this Python does not import {rule.module}",
                )
    return None


def _of_package(name: Global, package: str, release: Release) -> Prediction | None:
    known = _package(package)
    shown = "Python" if package == "python" else "NumPy" if package == "numpy" else package
    # A module whose package is not there is not there either.
    parts = name.module.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if known.modules.knows(module) and not known.modules.has(module, release):
            return Prediction(
                reason=Reason.MISSING_GLOBAL if "." in module else Reason.MISSING_MODULE,
                why=f"{name.dotted}: {shown} has the module {module} {known.modules.since(module)}",
            )
    names = known.names.get(name.module)
    first = name.name.partition(".")[0]
    if names is None or not names.knows(first) or names.has(first, release):
        return None
    dtype = name.module == "torch" and _DTYPE.fullmatch(name.name) is not None
    return Prediction(
        reason=Reason.DTYPE_UNKNOWN if dtype else Reason.MISSING_GLOBAL,
        why=f"{shown} has {name.dotted} {names.since(first)}",
    )


def _is_brought(top: str, consumer: Consumer) -> bool:
    """Whether a distribution brings a module that Python itself may not have any more."""
    by: str | None = read_table("names")["shims"].get(top)
    return by is not None and consumer.has_import(by, {}) is True


def _of_another(name: Global, top: str, consumer: Consumer) -> Prediction | None:
    if consumer.has_import(top, read_table("names")["distributions"]) is not False:
        return None
    return Prediction(
        reason=Reason.MISSING_MODULE,
        why=f"{name.dotted}: the package {top} is neither Python's nor installed",
    )
