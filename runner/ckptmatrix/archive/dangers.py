"""What in a file can do more than hold data."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from ckptmatrix.archive.names import entry, exactness, read_table
from ckptmatrix.archive.reading import UNNAMED, Format

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft

__all__ = ["look_for_dangers"]

_ODD_OPCODES = {
    "INST": "an opcode of pickle protocol 0, which makes an object of any class",
    "OBJ": "an opcode of pickle protocol 1, which makes an object of any class",
    "EXT": "an opcode that stands for a name the file does not tell",
    "NEXT_BUFFER": "an opcode for bytes outside the pickle, which torch does not have",
    "BUILD of no object": "it changes something it did not make",
    "BUILD once more": "it gives an object a state a second time",
}


@cache
def _data() -> frozenset[str]:
    return frozenset(read_table("dangers.yaml")["data"])


def look_for_dangers(draft: Draft) -> None:
    """Put down what is unsafe in what was found: names, calls, opcodes, code."""
    called = {dotted for dotted, _, _ in (*draft.found.calls, *draft.aside.calls)}
    if draft.format is Format.TORCHSCRIPT:
        draft.danger(
            "TorchScript",
            "a program: torch's own interpreter runs it, which can call torch's operators and "
            "nothing of Python",
            "code",
        )
    if draft.format is Format.PACKAGE:
        draft.danger("torch.package", "loading it runs the Python code it brings along", "code")
    for module, name in dict.fromkeys((*draft.found.names, *draft.aside.names)):
        _look_at_name(draft, module, name, called)
    if UNNAMED in called:
        draft.danger("a call of what another call gave", "what it does cannot be told", "code")
    for opcode in dict.fromkeys((*draft.found.odd, *draft.aside.odd)):
        draft.danger(opcode, _ODD_OPCODES[opcode], "odd")


def _look_at_name(draft: Draft, module: str, name: str, called: set[str]) -> None:
    table = read_table("dangers.yaml")
    dotted = f"{module}.{name}"
    code, data = entry(table["code"], module, name), entry(_data(), module, name)
    # Where both lists fit, the one that names it more exactly counts.
    if code and not (data and exactness(data) > exactness(code)):
        draft.danger(dotted, f"it {table['code'][code]}", "code")
    elif "." in name and data:
        draft.danger(dotted, "what it reaches through attributes cannot be told", "code")
    elif data:
        return
    elif module.partition(".")[0] not in sys.stdlib_module_names:
        draft.danger(dotted, f"loading it imports {module}, with all that runs then", "import")
    elif dotted in called:
        draft.danger(dotted, "a call into Python's library that no checkpoint needs", "odd")
