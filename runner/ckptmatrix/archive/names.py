"""Tables that are looked up by a dotted name, or by the folder it is in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["entry", "exactness", "find", "read_table"]

_Value = TypeVar("_Value")
_ALIASES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


@cache
def read_table(name: str) -> dict[str, Any]:
    """A data file of this package."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are safe
    return table


def entry(table: Collection[str], module: str, name: str) -> str | None:
    """The entry of a table that fits a name most exactly; None when none does.

    Args:
        table: Names, modules that end in ``.+`` for what is in the module itself, and modules that
            end in ``.*`` for everything below as well.
        module: Module of the name, as a file writes it; Python 2's are taken for Python 3's.
        name: The name.
    """
    module = _ALIASES.get(module, module)
    for exact in (f"{module}.{name}", f"{module}.+"):
        if exact in table:
            return exact
    around = module
    while around:
        if f"{around}.*" in table:
            return f"{around}.*"
        around = around.rpartition(".")[0]
    return None


def find(table: Mapping[str, _Value], module: str, name: str) -> _Value | None:
    """What a table has for a name; see :func:`entry`."""
    fits = entry(table, module, name)
    return None if fits is None else table[fits]


def exactness(fits: str) -> tuple[int, int]:
    """How exactly an entry names what it fits: the greater the more."""
    return len(fits.rstrip(".+*")), {"*": 0, "+": 1}.get(fits[-1], 2)
