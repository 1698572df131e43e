"""Answers are measured: nothing that runs knows a cell, a suite or what a version can do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

RUNNER = Path(__file__).parents[2] / "runner"
FILES = sorted(path.relative_to(RUNNER) for path in RUNNER.rglob("*.py"))
CELL_ID = re.compile(r"py3\.\d+-torch|debian-[a-z]")
SUITES = re.compile(
    r"\b(stretch|buster|bullseye|bookworm|trixie|forky|sid|focal|jammy|noble|resolute)\b"
)
#: What people may write is shown to them with a suite's name as the example.
EXAMPLES = {Path("ckptmatrix/matrix/schema.py"), Path("ckptmatrix/matrix/complaints.py")}
VERSION = re.compile(r"\d+(\.\d+)+\S*")
RELEASES = {"release_of", "Version", "parse_version", "version_info", "__version__"}


def _parse(source: str) -> tuple[ast.Module, set[ast.AST]]:
    """A module and its docstrings."""
    tree = ast.parse(source)
    docs: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs.add(node.value)
    return tree, docs


def named(source: str, pattern: re.Pattern[str]) -> list[str]:
    """Texts of a module, beside its docstrings, in which the pattern is found."""
    tree, docs = _parse(source)
    return [
        f"line {node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in docs
        and pattern.search(node.value)
    ]


def _is_version(node: ast.expr) -> bool:
    """Whether it is a version written down: ``"2.6"``, ``(3, 11)``, ``Version("2")``."""
    match node:
        case ast.Constant(value=str(text)):
            return VERSION.fullmatch(text) is not None
        case ast.Tuple(elts=[_, _, *_] as parts) | ast.List(elts=[_, _, *_] as parts):
            numbers = [getattr(part, "value", None) for part in parts]
            return all(type(number) is int for number in numbers) and numbers[0] != 0
        case ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.List(elts=parts):
            return any(_is_version(part) for part in parts)
        case ast.Call(args=[first, *_]) if _mentions_release(node.func):
            return isinstance(first, ast.Constant)
        case _:
            return False


def _mentions_release(node: ast.AST) -> bool:
    names = {getattr(part, "id", getattr(part, "attr", "")) for part in ast.walk(node)}
    return bool(names & RELEASES)


def decided_by_version(source: str) -> list[str]:
    """Comparisons of a module in which a version is written down."""
    tree, _ = _parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            literal = any(_is_version(side) for side in sides)
            number = any(
                isinstance(side, ast.Constant) and isinstance(side.value, int | float)
                for side in sides
            )
            if literal or (number and any(_mentions_release(side) for side in sides)):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.MatchValue) and _is_version(node.value):
            found.append(f"line {node.lineno}: case {ast.unparse(node)}")
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 80


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_cell_no_suite_and_no_version_is_known(file: Path) -> None:
    source = (RUNNER / file).read_text(encoding="utf-8")
    assert named(source, CELL_ID) == []
    if file not in EXAMPLES:
        assert named(source, SUITES) == []
    assert decided_by_version(source) == []


@pytest.mark.parametrize(
    "source",
    [
        'if facts.torch < "2.6": pass',
        "ok = release_of(facts.torch) < (2, 6)",
        "ok = release_of(facts.torch)[0] >= 2",
        'ok = Version(torch.__version__) >= Version("2.6")',
        "ok = sys.version_info >= (3, 8)",
        "ok = sys.version_info[0] == 3",
        'ok = cell.torch in {"1.4.0", "1.7.1"}',
        'match cell.python:\n  case "3.6": pass',
        'ok = cell.torch == "1.13.0a0+gitunknown"',
    ],
)
def test_what_is_forbidden_is_found(source: str) -> None:
    assert len(decided_by_version(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""``release_of("2.6") < (2, 6)``"""',
        "ok = release_of(asked) == release_of(found)",
        "ok = len(parts) == 2",
        'ok = name == "torch"',
        'default = "3.11"',
        "ok = shape == ()",
    ],
)
def test_what_is_allowed_is_not(source: str) -> None:
    assert decided_by_version(source) == []


def test_names_are_found_in_texts_and_not_in_docstrings() -> None:
    source = (
        '"""py3.11-torch2.6.0-cpu, bookworm"""\nx = "py3.6-torch1.4.0-cpu"\ny = f"{a} bookworm"'
    )
    assert named(source, CELL_ID) == ["line 2: 'py3.6-torch1.4.0-cpu'"]
    assert named(source, SUITES) == ["line 3: ' bookworm'"]
