"""Which versions of torch, NumPy and Python a file needs, with the evidence for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from packaging.version import Version

from ckptmatrix.archive.names import find, read_table
from ckptmatrix.archive.reading import Format, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.archive.reading import Reading

__all__ = ["requirements_of"]

_OWNERS: dict[str, Literal["torch", "numpy", "python"]] = {"torch": "torch", "numpy": "numpy"}
_LIMIT = 200


def requirements_of(reading: Reading, records: frozenset[str]) -> tuple[Requirement, ...]:
    """What an environment must be, the highest version of each kind first.

    Args:
        reading: What was found in the file.
        records: Names of its records, where it has some.
    """
    table = read_table("requirements.yaml")
    found = {
        **dict.fromkeys(_of_format(reading, records, table)),
        **dict.fromkeys(_of_pickles(reading, table)),
    }
    order = {"torch": 0, "numpy": 1, "python": 2}
    ordered = sorted(found, key=lambda each: order[each.of])
    ordered = sorted(ordered, key=_height, reverse=True)
    return tuple(sorted(ordered, key=lambda each: order[each.of])[:_LIMIT])


def _height(requirement: Requirement) -> Version:
    return Version(requirement.at_least or "0")


def _requirement(
    of: Literal["torch", "numpy", "python"], fact: dict[str, str], evidence: str, source: str
) -> Requirement:
    """A fact of the table about something that was found.

    Args:
        of: Whose version.
        fact: What the table says.
        evidence: What in the file it is about.
        source: Of the fact, where the table does not name one.
    """
    since = fact.get("since", "")
    return Requirement(
        of=of,
        at_least=since,
        below=fact.get("below", ""),
        evidence=evidence,
        reference=fact.get("reference") or f"{of} {since}: {source}",
    )


def _of_format(
    reading: Reading, records: frozenset[str], table: dict[str, Any]
) -> Iterator[Requirement]:
    kind = reading.format
    fact = table["formats"].get(str(kind))
    if fact:
        yield _requirement("torch", fact, f"its format is {kind}", "")
    if kind in {Format.ZIP, Format.TORCHSCRIPT} and reading.version.isdecimal():
        number = int(reading.version[:9])
        for highest, file_fact in table["file_versions"].items():
            if number <= highest:
                yield _requirement(
                    "torch",
                    file_fact,
                    f"its file format version is {number}",
                    "caffe2/serialize/inline_container.h",
                )
                break
    for record, record_fact in table["records"].items():
        if record in records:
            yield _requirement("torch", record_fact, f"it has a record {record}", "")
    schema = reading.details.get("schema version", "").partition(".")[0]
    if schema.isdecimal() and int(schema[:9]) in table["schemas"]:
        yield _requirement(
            "torch",
            table["schemas"][int(schema[:9])],
            f"its program's schema version is {reading.details['schema version']}",
            "torch/_export/serde/schema.py",
        )
    if reading.protocol in table["protocols"]:
        yield _requirement(
            "python",
            table["protocols"][reading.protocol],
            f"its pickle protocol is {reading.protocol}",
            "",
        )


def _of_pickles(reading: Reading, table: dict[str, Any]) -> Iterator[Requirement]:
    for name in reading.globals:
        fact = find(table["globals"], name.module, name.name)
        if fact:
            owner = _OWNERS.get(name.module.partition(".")[0], "python")
            source = f"{name.module.replace('.', '/')}.py"
            yield _requirement(owner, fact, f"it looks up {_short(name.dotted)}", source)
    layouts = {tensor.layout for tensor in reading.tensors}
    yield from _of_calls(reading, layouts, table["calls"])
    for layout in sorted(layouts & table["layouts"].keys()):
        source = "torch/_utils.py, _rebuild_sparse_tensor"
        evidence = f"it has tensors of layout {layout}"
        yield _requirement("torch", table["layouts"][layout], evidence, source)
    named = {name.dotted for name in reading.globals}
    dtypes = {tensor.dtype for tensor in reading.tensors} - named
    for dtype in sorted(dtypes & table["dtypes"].keys()):
        yield _requirement("torch", table["dtypes"][dtype], f"it has tensors of type {dtype}", "")


def _of_calls(
    reading: Reading, layouts: set[str], rules: list[dict[str, Any]]
) -> Iterator[Requirement]:
    for call in reading.calls:
        for rule in rules:
            if call.dotted != rule["name"]:
                continue
            if call.arguments > rule.get("more_than", call.arguments):
                how = f"it calls {call.dotted} with {call.arguments} arguments"
                yield _requirement("torch", rule, how, "")
            if rule.get("tuple_of") in call.shape and rule.get("layout") in layouts:
                how = f"it calls {call.dotted} with a tuple of {rule['tuple_of']}"
                yield _requirement("torch", rule, f"{how} for {rule['layout']}", "")


def _short(name: str) -> str:
    return name if len(name) <= _LIMIT else f"{name[:_LIMIT]}…"
