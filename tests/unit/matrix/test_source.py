from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptmatrix.errors import MatrixError
from ckptmatrix.matrix.source import MAX_BYTES, MAX_DEPTH, MAX_MESSAGE, Place, read_source

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.errors import Problem


def problems_of(path: Path, content: bytes) -> list[Problem]:
    path.write_bytes(content)
    try:
        return read_source(path, example="a: 1").problems
    except MatrixError as error:
        return error.problems


def test_values_have_their_positions(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb:\n  - c: {d: 3.10}\n", encoding="utf-8")
    source = read_source(path, example="a: 1")
    assert source.data == {"a": 1, "b": [{"c": {"d": 3.1}}]}
    assert source.place(("b", 0, "c", "d")) == Place(3, 12)
    assert source.key_place(("b", 0, "c", "d")) == Place(3, 9)
    assert source.spelling["b", 0, "c", "d"] == "3.10"
    assert source.place(("b", 0, "missing")) == source.place(("b", 0))


def test_scalars_are_read_as_yaml_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = "[1, 0x10, 1.5, .inf, yes, null, ~, text, '1', 2026-11-22, =]"
    path.write_text(text, encoding="utf-8")
    expected = [1, 16, 1.5, float("inf"), True, None, None, "text", "1", "2026-11-22", "="]
    assert read_source(path, example="a: 1").data == expected


def test_alias_is_its_value(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: &x [1]\nb: *x\n", encoding="utf-8")
    assert read_source(path, example="a: 1").data == {"a": [1], "b": [1]}


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_source(path, example="a: 1").data == {"a": 1, "b": 2}


def test_number_that_python_refuses_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"a: {'9' * 5000}\n", encoding="utf-8")
    source = read_source(path, example="a: 1")
    assert [problem.line for problem in source.problems] == [1]
    assert ("a",) in source.refused


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "".join(f"k{n}: {n}\n" for n in range(50_000)),
        "a: " + "x" * (MAX_BYTES + 1),
        "a: '" + "x " * 400_000,
        "!" * 100_000,
        "&a " * 50_000,
        "a: " + "&" * 100_000,
    ],
    ids=["lists", "maps", "dashes", "keys", "wide", "long", "quote", "tags", "anchors", "amps"],
)
def test_hostile_file_ends_soon(tmp_path: Path, text: str) -> None:
    start = time.monotonic()
    problems = problems_of(tmp_path / "a.yaml", text.encode())
    assert problems
    assert all(len(problem.message) <= MAX_MESSAGE for problem in problems)
    assert time.monotonic() - start < 20


def test_depth_within_the_bound_is_read(tmp_path: Path) -> None:
    assert not problems_of(tmp_path / "a.yaml", b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="a folder, not a file"):
        read_source(tmp_path, example="a: 1")


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="there is no such file"):
        read_source(tmp_path / "absent.yaml", example="a: 1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=60)
    | st.text("[]{}:-,&*!?|>'\"#% \n\tab1", max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    assert all(problem.message for problem in problems_of(tmp_path / "any.yaml", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# \xc3\xa9 \xe9\na: 1\n", "1:5: byte 0xe9 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), " the file is written in UTF-16"),
        (b"a: 1\nb: x\x07\n", "2:5: the character U+0007 is not allowed in YAML"),
        (b"a: \xef\xbf\xbe\n", "1:4: the character U+FFFE is not allowed in YAML"),
    ],
    ids=["latin", "utf16", "bell", "noncharacter"],
)
def test_wrong_characters(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(MatrixError) as caught:
        read_source(path, example="a: 1")
    assert str(caught.value).startswith(f"{path}:{message}")
