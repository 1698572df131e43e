"""Files of cases → cases, checked."""

from __future__ import annotations

import ast
import hashlib
import re
from typing import TYPE_CHECKING, Any

from ckptmatrix.catalogue.info import CaseInfo
from ckptmatrix.catalogue.metadata import FIELDS, fault_in
from ckptmatrix.catalogue.source import CaseFile, ClassSource, assigned, parse
from ckptmatrix.errors import UsageError
from ckptmatrix.shipped import cell_program_source
from ckptmatrix.words import Mode, OpenedAs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["builtin_cases", "builtin_paths", "given_cases", "read_cases", "user_cases"]


def builtin_cases() -> tuple[CaseInfo, ...]:
    """The cases that ship with the cell program, by file and position."""
    return read_cases(builtin_paths())


def builtin_paths() -> tuple[Path, ...]:
    """The files of the cases that ship with the cell program."""
    paths = sorted(_folder().glob("*.py"))
    return tuple(path for path in paths if path.stem not in ("__init__", "base", "given"))


def given_cases() -> tuple[CaseInfo, ...]:
    """The cases of files that are given, not made here, one a format; no run plans them."""
    return read_cases([_folder() / "given.py"])


def user_cases(path: Path) -> tuple[CaseInfo, ...]:
    """The cases of a user's file.

    Args:
        path: A Python file.

    Raises:
        UsageError: The file cannot be used; names every place and fix. A case may not have the name
            of a built-in one.
    """
    return tuple(
        case for case in read_cases([*builtin_paths(), path]) if not _is_builtin(case.module)
    )


def read_cases(paths: Iterable[Path]) -> tuple[CaseInfo, ...]:
    """The cases of several files, by file and position.

    Args:
        paths: Python files: built-in, a user's, or both.

    Raises:
        UsageError: Some file cannot be used; names every place and fix, of all files.
    """
    reader = _Reader()
    cases: list[CaseInfo] = []
    problems: list[str] = []
    taken: dict[str, str] = {}
    for path in paths:
        builtin = path.parent == _folder()
        file = CaseFile(path, f"cases/{path.name}" if builtin else str(path))
        for case in reader.cases(file, path.stem, builtin=builtin):
            if case.name in taken:
                line = int(case.source.rpartition(":")[2])
                message = f"there is a case «{case.name}» already, at {taken[case.name]}"
                file.problem(line, message, "give it another name")
            taken.setdefault(case.name, case.source)
            cases.append(case)
        problems += file.problems
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(cases)


class _Reader:
    """What the cell program says of all cases: defaults, the modes of a format."""

    def __init__(self) -> None:
        base = CaseFile(_folder() / "base.py", "cases/base.py")
        case = next(item for name, item in base.classes.items() if name == "Case")
        self._defaults = {field: value for field, (value, _) in case.literals.items()}
        self._code = base.common_code()
        self._table = _modes_table()

    def cases(self, file: CaseFile, stem: str, *, builtin: bool) -> Iterator[CaseInfo]:
        """The cases of a file; what is wrong is noted in the file."""
        found = file.cases()
        module = f"ckptcell.cases.{stem}"
        if not builtin and found:
            first = file.literal(found[0], "name") or ("", 0)
            module = _user_module(stem, str(first[0]))
        common = [module, *self._code, *file.common_code()]
        for item in found:
            values = self._values(file, item)
            if values is None:
                continue
            known = self._table[values["format"]]
            wanted = values["modes"]
            modes = {mode for mode in known if wanted is None or mode in wanted}
            modes |= {Mode(word) for word in values["cures"]}
            code = "\n".join([*common, *file.code_of(item)])
            yield CaseInfo(
                name=values["name"],
                family=values["family"],
                title=values["title"],
                modes=tuple(mode for mode in Mode if mode in modes),
                format=values["format"],
                variant_of=values["variant_of"],
                cure=values["cure"],
                filename=values["filename"],
                needs=tuple(values["needs"]),
                loader=tuple(values["loader"]),
                memory_bytes=values["memory_bytes"],
                opened_as=OpenedAs(values["opened_as"]),
                policy=values["policy"],
                expect=values["expect"],
                digest=hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest(),
                module=module,
                source=f"{file.label}:{item.node.lineno}",
            )

    def _values(self, file: CaseFile, item: ClassSource) -> dict[str, Any] | None:
        """A case's metadata, or None when something in it is wrong."""
        written = {field: file.literal(item, field) for field in FIELDS}
        values = {
            field: self._defaults[field] if literal is None else literal[0]
            for field, literal in written.items()
        }
        good = True
        for field, literal in written.items():
            fault = fault_in(field, values, self._table)
            if fault is not None:
                good = False
                line = item.node.lineno if literal is None else literal[1]
                file.problem(line, f"{item.node.name}: «{field}» {fault.message}", fault.fix)
        return values if good else None


def _folder() -> Path:
    return cell_program_source() / "cases"


def _is_builtin(module: str) -> bool:
    return module.startswith("ckptcell.cases.")


def _user_module(stem: str, first: str) -> str:
    """Import name of a user's file in the cell.

    Pickles of the file's own classes carry it, so it must survive edits, moves and other machines;
    names of cases are unique, so the first one tells apart files of the same name.
    """
    readable = re.sub(r"[^a-z0-9]+", "_", stem.lower())[:60]
    return f"ckptcell_user_{readable}_{hashlib.sha256(first.encode()).hexdigest()[:8]}"


def _modes_table() -> Mapping[str, tuple[Mode, ...]]:
    """Format → modes, from the literal in ``ckptcell.modes``."""
    source = (cell_program_source() / "modes.py").read_text(encoding="utf-8")
    statement = next(line for line in parse(source).body if assigned(line) == "MODES")
    if not isinstance(statement, ast.Assign):
        msg = "MODES has to be a plain assignment"
        raise TypeError(msg)
    table: dict[str, tuple[str, ...]] = ast.literal_eval(statement.value)
    return {name: tuple(Mode(word) for word in words) for name, words in table.items()}
