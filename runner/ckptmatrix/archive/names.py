"""Tables that are looked up by a dotted name, or by the folder it is in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find", "read_table"]

_Value = TypeVar("_Value")
_ALIASES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


@cache
def read_table(name: str) -> dict[str, Any]:
    """A data file of this package."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are safe
    return table


def find(table: Mapping[str, _Value], module: str, name: str) -> _Value | None:
    """What a table has for a name: of the name itself, else of the nearest module around it.

    Args:
        table: Names, and modules that end in ``.*``.
        module: Module of the name, as a file writes it; Python 2's are taken for Python 3's.
        name: The name.
    """
    module = _ALIASES.get(module, module)
    exact = table.get(f"{module}.{name}")
    if exact is not None:
        return exact
    around = module
    while around:
        found = table.get(f"{around}.*")
        if found is not None:
            return found
        around = around.rpartition(".")[0]
    return None
