"""One file of cases as syntax: its classes, what they say of themselves, the code they depend on.

Nothing is imported or run: a user's file may do anything when it is.
"""

from __future__ import annotations

import ast
import errno
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckptmatrix.catalogue.metadata import FIELDS
from ckptmatrix.small_files import read_small

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MAX_BYTES", "CaseFile", "ClassSource", "assigned", "parse"]

#: Larger files are not cases written by hand.
MAX_BYTES = 1_000_000

_BASE = "ckptcell.cases.base"
#: Python 3.11 counts the depth of all threads' trees together and takes another thread's count for
#: a fault of its own, once in a long while (python/cpython#106905).
_TRIES = 3
#: What decides how an observation is judged and shown, not what it is.
_NOT_DIGESTED = frozenset({"policy", "expect", "title", "cures", "variant_of", "cure"})


def parse(source: bytes | str) -> ast.Module:
    """The syntax of a file, without the warnings that its literals may give.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: As :func:`ast.parse` raises them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(_TRIES - 1):
            with suppress(SystemError):
                return ast.parse(source)
        return ast.parse(source)


@dataclass(frozen=True, kw_only=True)
class ClassSource:
    """A class at the top of a file.

    Attributes:
        node: Its syntax.
        literals: Metadata → (value, line), only what is written in this class.
        bases: Its bases as written.
    """

    node: ast.ClassDef
    literals: dict[str, tuple[Any, int]]
    bases: tuple[str, ...]


class CaseFile:
    """One file of cases, and what is wrong with it.

    Args:
        path: The file.
        label: What to call it in messages.

    Attributes:
        problems: ``place: message`` and its fix, in the order they were found.
        classes: Name → class, for all classes at the top of the file.
    """

    def __init__(self, path: Path, label: str) -> None:
        self.label = label
        self.problems: list[str] = []
        self.classes: dict[str, ClassSource] = {}
        self._tree = self._parse(path)
        self._roots = set(_names_of_case(self._tree))
        for statement in self._tree.body:
            if isinstance(statement, ast.ClassDef):
                if statement.name in self.classes:
                    message = f"class {statement.name} is defined twice"
                    self.problem(statement.lineno, message, "give one of them another name")
                self.classes[statement.name] = self._class(statement)
        self._names = {name: _mentioned(item.node) for name, item in self.classes.items()}
        self._code = [self._normalised(statement) for statement in self._tree.body]

    def problem(self, line: int, message: str, fix: str) -> None:
        """Note something wrong; line 0 means the whole file."""
        place = f"{self.label}:{line}" if line else self.label
        self.problems.append(f"{place}: {message}\n    fix: {fix}")

    def cases(self) -> list[ClassSource]:
        """The classes that are cases: derived from ``Case``, and not a base with a private name."""
        found = []
        for name, item in self.classes.items():
            if self._is_case(name):
                if not name.startswith("_") or "name" in item.literals:
                    found.append(item)
            elif {"name", "family"} <= set(item.literals):
                self.problem(
                    item.node.lineno,
                    f"class {name} has a case's name and family but is not derived from Case",
                    f"write «from {_BASE} import Case» and derive it from Case, or from a class of"
                    " the same file that is",
                )
        if not found and not self.problems:
            self.problem(0, "has no case", f"write a class derived from {_BASE}.Case")
        return found

    def literal(self, item: ClassSource, field: str) -> tuple[Any, int] | None:
        """A class's metadata as Python would find it, and its line; None when nobody wrote it."""
        for ancestor in self._ancestry(item):
            if field in ancestor.literals:
                return ancestor.literals[field]
        return None

    def common_code(self) -> list[str]:
        """The code every case of the file depends on, normalised: all but the cases themselves."""
        return [
            code
            for statement, code in zip(self._tree.body, self._code, strict=True)
            if code
            and not (
                isinstance(statement, ast.ClassDef)
                and self._is_case(statement.name)
                and "name" in self.classes[statement.name].literals
            )
        ]

    def code_of(self, item: ClassSource) -> list[str]:
        """A case's own code, normalised, and that of every other case of the file it mentions."""
        names: set[str] = set()
        queue = [item.node.name]
        while queue:
            name = queue.pop()
            if name not in names and self._is_case(name):
                names.add(name)
                queue += self._names[name]
        return [
            f"{statement.name == item.node.name} {code}"
            for statement, code in zip(self._tree.body, self._code, strict=True)
            if isinstance(statement, ast.ClassDef) and statement.name in names
        ]

    def _parse(self, path: Path) -> ast.Module:
        fix = "name a Python file of cases, in UTF-8"
        try:
            return parse(read_small(path, MAX_BYTES))
        except OSError as error:
            if error.errno == errno.EFBIG:
                self.problem(0, "is larger than 1 MB", "keep cases in small files of their own")
            else:
                self.problem(0, f"cannot be read: {error.strerror}", fix)
        except SyntaxError as error:
            self.problem(error.lineno or 0, f"is not Python: {error.msg}", fix)
        except (ValueError, RecursionError, MemoryError):
            self.problem(0, "is not Python", fix)
        return ast.Module(body=[], type_ignores=[])

    def _class(self, node: ast.ClassDef) -> ClassSource:
        literals: dict[str, tuple[Any, int]] = {}
        for statement in node.body:
            field = assigned(statement)
            if field not in FIELDS or not node.bases:
                continue
            if not isinstance(statement, ast.Assign):
                message = f"{node.name}: «{field}» has an annotation"
                self.problem(statement.lineno, message, f"write {field} = …")
                continue
            try:
                value = ast.literal_eval(statement.value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                self.problem(
                    statement.lineno,
                    f"{node.name}: «{field}» is not a literal; cases are read without being run",
                    "write its value in place, without names and calls",
                )
            else:
                literals[field] = (value, statement.lineno)
        bases = tuple(ast.unparse(base) for base in node.bases)
        return ClassSource(node=node, literals=literals, bases=bases)

    def _normalised(self, statement: ast.stmt) -> str:
        """Source of a statement without comments, docstrings, layout, and some metadata."""
        if _is_docstring(statement) or assigned(statement) == "__all__":
            return ""
        _drop_docstrings(statement)
        if isinstance(statement, ast.ClassDef) and self._is_case(statement.name):
            body = [inner for inner in statement.body if assigned(inner) not in _NOT_DIGESTED]
            statement.body = body or [ast.Pass()]
        return ast.unparse(statement)

    def _is_case(self, name: str, below: frozenset[str] = frozenset()) -> bool:
        item = self.classes.get(name)
        if item is None or name in below:
            return False
        return any(
            base in self._roots or self._is_case(base, below | {name}) for base in item.bases
        )

    def _ancestry(self, item: ClassSource) -> Iterator[ClassSource]:
        """The class and its bases in this file, nearest first."""
        seen: set[str] = set()
        queue = [item]
        while queue:
            current = queue.pop(0)
            if current.node.name not in seen:
                seen.add(current.node.name)
                yield current
                queue += [self.classes[base] for base in current.bases if base in self.classes]


def assigned(statement: ast.stmt) -> str | None:
    """The one name a statement assigns to, or None."""
    target: ast.expr | None = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    return target.id if isinstance(target, ast.Name) else None


def _names_of_case(tree: ast.Module) -> Iterator[str]:
    """Names by which a file knows ``ckptcell.cases.base.Case``."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known_as = alias.asname or alias.name
                if node.module == _BASE and alias.name == "Case":
                    yield known_as
                elif f"{node.module}.{alias.name}" == _BASE:
                    yield f"{known_as}.Case"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == _BASE:
                    yield f"{alias.asname or alias.name}.Case"


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _mentioned(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _drop_docstrings(node: ast.AST) -> None:
    for inner in ast.walk(node):
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            body = [statement for statement in inner.body if not _is_docstring(statement)]
            inner.body = body or [ast.Pass()]
