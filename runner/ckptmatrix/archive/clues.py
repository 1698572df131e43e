"""What a file tells about what wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.archive.names import find, read_table
from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.reading import Reading

__all__ = ["clues_of"]

#: Details in which a file names a version itself.
_SAID = ("torch version", "python version")


def clues_of(reading: Reading, records: frozenset[str]) -> tuple[str, ...]:
    """Clues, one sentence each, without repetition.

    Args:
        reading: What was found in the file.
        records: Names of its records, where it has some.
    """
    found = dict.fromkeys(_clues(reading, records, read_table("clues.yaml")))
    return tuple(found)


def _clues(reading: Reading, records: frozenset[str], table: dict[str, Any]) -> Iterator[str]:
    for section in _SAID:
        if section in reading.details:
            yield f"{section.partition(' ')[0]} {reading.details[section]}: it says so itself"
    for record, fact in table["records"].items():
        if record in records:
            yield _clue(fact, f"it has a record {record}")
    written = table["file_versions"].get(reading.version)
    if written and reading.format in {Format.ZIP, Format.TORCHSCRIPT}:
        yield _clue(written, f"its file format version is {reading.version}")
    kind = table["formats"].get(str(reading.format))
    if kind:
        yield _clue(kind, f"its format is {reading.format}")
    yield from _of_globals(reading, table["globals"])
    options = {option for group in reading.groups for option in group.options}
    for option, fact in table["options"].items():
        if option in options:
            yield _clue(fact, f"a group of parameters has the option {option}")


def _of_globals(reading: Reading, table: dict[str, dict[str, str]]) -> Iterator[str]:
    told: set[str] = set()
    for name in reading.globals:
        fact = find(table, name.module, name.name)
        if fact and fact["wrote"] not in told:
            told.add(fact["wrote"])
            yield _clue(fact, f"it looks up {name.dotted[:200]}")


def _clue(fact: dict[str, str], evidence: str) -> str:
    return f"{fact['wrote']}: {evidence} ({fact['reference']})"
