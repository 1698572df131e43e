"""The tables can be read, do not contradict themselves or each other, and say their source."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from ckptmatrix.archive.reading import Global
from ckptmatrix.predict.consumer import Consumer
from ckptmatrix.predict.knowledge import held_out, read_table, table_of, words_of
from ckptmatrix.predict.lookup import missing
from ckptmatrix.predict.spans import parse_spans, release_of

PACKAGE = files("ckptmatrix.predict")
TABLES = sorted(
    entry.name.removesuffix(".yaml") for entry in PACKAGE.iterdir() if entry.name.endswith(".yaml")
)
NAMES = read_table("torch_names")
MODULES = words_of(NAMES["modules"])
READ = [f"1.{minor}" for minor in range(4, 14)] + [f"2.{minor}" for minor in range(16)]


def spans_in(value: object) -> list[str]:
    """Every key of a table that is spans, wherever it is."""
    found = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and re.fullmatch(r"[\d.]*-[\d.]*( [\d.]*-[\d.]*)*", key):
                found.append(key)
            found += spans_in(inner)
    elif isinstance(value, list):
        for inner in value:
            found += spans_in(inner)
    return found


def test_there_are_tables() -> None:
    assert TABLES == [
        "allowed",
        "calls",
        "formats",
        "names",
        "objects",
        "torch_names",
        "written_from",
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_span_is_one(table: str) -> None:
    for text in spans_in(read_table(table)):
        assert parse_spans(text)


@pytest.mark.parametrize("table", [name for name in TABLES if name != "written_from"])
def test_a_table_says_its_source(table: str) -> None:
    text = (PACKAGE / f"{table}.yaml").read_text(encoding="utf-8")
    assert re.search(r"source:|pytorch#\d+|release notes", text)


@pytest.mark.parametrize("module", sorted(NAMES["names"]))
def test_names_of_a_module_are_listed_once_a_release_and_only_while_it_is_there(
    module: str,
) -> None:
    names = words_of(NAMES["names"][module])
    for name in names.spans:
        there = [release for release in READ if names.has(name, release_of(release))]
        assert there
        assert len(there) < len(READ)
        if MODULES.knows(module):
            assert all(MODULES.has(module, release_of(release)) for release in there)


@pytest.mark.parametrize(
    "entries",
    [
        {"-1.9": 1, "1.8-": 2},
        {"1.4-": 1, "2.0-": 2},
        {"-": 1, "1.4-1.5": 2},
    ],
)
def test_values_that_contradict_each_other_are_refused(entries: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        table_of(entries)


def test_a_word_listed_twice_for_a_release_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        words_of({"1.9-": "Mish", "-2.0": "Mish"})


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        *read_table("calls")["arguments"]["torch"].items(),
        *read_table("calls")["arguments"]["numpy"].items(),
        ("file_versions", read_table("formats")["file_versions"]),
        ("export", read_table("formats")["export"]["schema"]),
    ],
)
def test_values_by_release_do_not_contradict_each_other(
    name: str, entries: dict[str, object]
) -> None:
    assert table_of(entries).at(release_of("2.6.0")) is not None, name


def test_file_versions_only_grow() -> None:
    versions = table_of(read_table("formats")["file_versions"])
    most = [versions.at(release_of(release)) for release in READ]
    assert most == sorted(most, key=lambda each: each or 0)
    assert None not in most


def globals_of(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, name) for text, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("span", "name"), globals_of(read_table("allowed")["globals"]))
def test_what_is_allowed_is_there(span: str, name: str) -> None:
    """The restricted unpickler names its globals, so each is there from the first release on."""
    module, _, called = name.rpartition(".")
    since = parse_spans(span)[0].since
    consumer = Consumer(torch=since, numpy=(2, 0), python=(3, 12))
    assert missing(Global(module=module, name=called), consumer) is None


@pytest.mark.parametrize("name", sorted(read_table("calls")["arguments"]["torch"]))
def test_functions_whose_arguments_are_known_are_there_in_those_releases(name: str) -> None:
    module, _, called = name.rpartition(".")
    table = table_of(read_table("calls")["arguments"]["torch"][name])
    for release in READ:
        consumer = Consumer(torch=release_of(release), numpy=(), python=(3, 12))
        there = missing(Global(module=module, name=called), consumer) is None
        assert there <= (table.at(release_of(release)) is not None)


@pytest.mark.parametrize("name", sorted(read_table("objects")["attributes"]))
def test_attributes_are_of_classes_that_were_there_before_them(name: str) -> None:
    module, _, called = name.rpartition(".")
    names = words_of(NAMES["names"].get(module, {}))
    for text in read_table("objects")["attributes"][name]:
        since = parse_spans(text)[0].since
        before = [release for release in READ if release_of(release) < since]
        assert before
        assert any(
            not names.knows(called) or names.has(called, release_of(release)) for release in before
        )


@pytest.mark.parametrize(
    ("torch", "apart"),
    [
        ("2.6.0+cpu", False),
        ("2.6.1", False),
        ("1.13.0a0", False),
        ("1.8.1", False),
        ("1.11.0", True),
        ("2.8.0", True),
        ("2.60.0", True),
    ],
)
def test_a_minor_release_that_was_looked_at_is_not_held_out(torch: str, apart: bool) -> None:  # noqa: FBT001 - a table of cases
    assert held_out(torch) is apart
