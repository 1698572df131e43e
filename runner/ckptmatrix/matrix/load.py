"""From a matrix file to a :class:`~ckptmatrix.matrix.model.Matrix`, or to all that is wrong."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ckptmatrix import shipped
from ckptmatrix.errors import MatrixError, Problem
from ckptmatrix.matrix import entries, expand, model, schema
from ckptmatrix.matrix.complaints import complain
from ckptmatrix.matrix.source import read_source
from ckptmatrix.matrix.units import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ckptmatrix.matrix.source import Address, Source

__all__ = ["MAX_CELLS", "load_matrix"]

#: Loads grow with the square of the cells: a million pairs is more than anybody waits for.
MAX_CELLS = 1_000

_EXAMPLE = "an include, for example: include: [{python: '3.11', torch: '2.6.0'}]"
_MIN_MEMORY = 16_000_000
_MIN_OUTPUT = 1_000
_MAX_TIMEOUT = 86_400.0
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")


def load_matrix(path: Path, *, environ: Mapping[str, str] | None = None) -> model.Matrix:
    """Read and check a matrix file.

    Args:
        path: The file.
        environ: Variables that ``$NAME`` refers to; those of this process by default.

    Returns:
        The matrix; everything in it is valid, files it names exist.

    Raises:
        MatrixError: With every problem that could be found in one reading.
    """
    source = read_source(_found(path), example=_EXAMPLE)
    source, file, wrong = _validated(source)
    if file is not None:
        variables = os.environ if environ is None else environ
        matrix = _Checks(source, file, variables, whole_axes=_whole_axes(file, wrong)).matrix()
        if not source.problems:
            return matrix
    raise MatrixError(source.path, source.problems)


def _found(path: Path) -> Path:
    """The file meant: a word that names no file names a matrix that ships with this package."""
    folder = shipped.matrices()
    bare = len(path.parts) == 1 and not path.suffix
    if bare and not os.path.isfile(path) and (folder / f"{path}.yaml").is_file():  # noqa: PTH113 - answers for every name, however odd
        return folder / f"{path}.yaml"
    if os.path.lexists(path):
        return path
    close = _near(path, {".yaml", ".yml"})
    fix = f"did you mean {path.parent / close}?" if close else ""
    if len(path.parts) == 1 and not fix:
        names = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        fix = f"name a file, or a matrix that ships with ckptmatrix: {names}"
    problem = Problem(line=0, column=0, message="there is no such file", fix=fix)
    raise MatrixError(path, [problem])


def _validated(source: Source) -> tuple[Source, schema.MatrixFile | None, set[Address]]:
    """What of a file is valid, so that one slip does not hide what else is wrong.

    Returns:
        The source without what is wrong, what it says, None when nothing is left to look at; and
        the addresses that were left out.
    """
    file: schema.MatrixFile | None = None
    wrong: set[Address] = source.partial & {()}
    found: set[Address] = source.refused | source.partial - {()}
    try:
        file = schema.MatrixFile.model_validate(source.data)
    except ValidationError as error:
        complain(source, error)
        found |= _addresses(error)
    while found:
        out = {_part(source, address) for address in found}
        wrong |= out
        if () in out:
            return source, None, wrong
        source = source.without(out)
        try:
            file, found = schema.MatrixFile.model_validate(source.data), set()
        except ValidationError as error:
            # What is short of something only because its parts were left out goes as a whole.
            found = _addresses(error)
    return source, file, wrong


def _addresses(error: ValidationError) -> set[Address]:
    return {detail["loc"] for detail in error.errors(include_url=False)}


def _part(source: Source, address: Address) -> Address:
    """The smallest part around a wrong value without which the rest means what it meant."""
    if address[:1] in {("include",), ("exclude",), ("hosts",)}:
        return address[:2]
    while address and address not in source.values:
        address = address[:-1]
    return address


def _whole_axes(file: schema.MatrixFile, wrong: set[Address]) -> bool:
    """Whether the axes are as they were meant: nothing in them is wrong, nor their very name."""
    if file.axes is None:
        return all(len(address) > 1 for address in wrong)
    return all(address[:1] != ("axes",) for address in wrong)


def _near(path: Path, suffixes: set[str]) -> str | None:
    """Name of a file beside ``path`` that it may be a slip for."""
    try:
        names = sorted(child.name for child in path.parent.iterdir() if child.suffix in suffixes)
    except (OSError, ValueError):
        return None
    return next(iter(get_close_matches(path.name, names, n=1)), None)


class _Checks:
    """What only the whole file, the folder around it and the environment can tell."""

    def __init__(
        self,
        source: Source,
        file: schema.MatrixFile,
        environ: Mapping[str, str],
        *,
        whole_axes: bool,
    ) -> None:
        self._source = source
        self._whole_axes = whole_axes
        self._file = file
        self._environ = environ
        self._folder = source.path.parent

    def matrix(self) -> model.Matrix:
        file = self._file
        expansion = self._expansion()
        self._unique(file.devices, ("devices",), "device")
        self._unique([host.name for host in file.hosts], ("hosts",), "host")
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self._source.path.stem).strip("-._")
        return model.Matrix(
            path=self._source.path,
            name=file.name or stem[:64] or "matrix",
            digest=self._source.digest,
            cells=expansion.cells,
            left_out=expansion.left_out,
            devices=tuple(file.devices),
            cases=self._cases(),
            limits=self._limits(),
            build=self._build(),
            platform=file.platform,
            hosts=tuple(model.Host(name=host.name, provider=host.provider) for host in file.hosts),
        )

    def _expansion(self) -> expand.Expansion:
        axes = self._axes()
        source, file = self._source, self._file
        rules = [entries.exclusion(source, at, rule) for at, rule in enumerate(file.exclude)]
        cells = {
            at: entries.included(source, at, entry, platform=file.platform)
            for at, entry in enumerate(file.include)
        }
        included = {at: cell for at, cell in cells.items() if cell is not None}
        include = tuple(included.values())
        size = (axes.size if axes else 0) + len(include)
        if size > MAX_CELLS:
            message = f"the axes and include make {size:,} cells; a matrix may have {MAX_CELLS:,}"
            source.problem(("axes",), message, "use fewer values", key=True)
            return expand.Expansion(cells=(), left_out=(), idle=())
        expansion = expand.expand(axes, rules, include)
        for rule in expansion.idle if self._whole_axes else ():
            at = rules.index(rule)
            entries.explain_idle(source, at, file.exclude[at], axes)
        entries.check_distinct(source, expansion, included)
        if not expansion.cells and not source.problems:
            left = len(expansion.left_out)
            if left:
                source.problem(
                    ("exclude",),
                    f"exclude takes out all {left} cells of the axes; none is left",
                    "loosen a rule, or add include",
                    key=True,
                )
            else:
                fix = "add axes: with python and torch, or include: with single cells"
                source.problem((), "the matrix has no cells", fix)
        return expansion

    def _axes(self) -> expand.Axes | None:
        axes = self._file.axes
        if axes is None:
            return None
        for name in expand.AXES:
            self._unique(getattr(axes, name), ("axes", name), "value")
        return expand.Axes(
            python=tuple(dict.fromkeys(axes.python)),
            torch=tuple(dict.fromkeys(axes.torch)),
            cuda=tuple(dict.fromkeys(axes.cuda)),
            numpy=tuple(dict.fromkeys(axes.numpy)),
            platform=self._file.platform,
        )

    def _unique(self, values: Sequence[str], address: Address, what: str) -> None:
        seen: dict[str, int] = {}
        for at, value in enumerate(values):
            if value in seen:
                line = self._source.place((*address, seen[value])).line
                spelt = {self._source.spelling.get((*address, i)) for i in (at, seen[value])}
                means = f" ({' and '.join(sorted(map(str, spelt)))} are the same)"
                self._source.problem(
                    (*address, at),
                    f"the {what} «{value or 'any'}» is here twice; it was already on line {line}"
                    f"{means if len(spelt) > 1 else ''}",
                    "remove one of the two",
                )
            seen.setdefault(value, at)

    def _cases(self) -> model.CaseSelection:
        cases = self._file.cases
        files = [self._folder / name for name in cases.files]
        for at, file in enumerate(files):
            address = ("cases", "files", at)
            if file.suffix != ".py":
                self._source.problem(
                    address, f"«{cases.files[at]}» is not a Python file", "name a file *.py"
                )
            elif not os.path.isfile(file):  # noqa: PTH113 - as above
                self._missing(address, file)
        return model.CaseSelection(
            select=tuple(cases.select), exclude=tuple(cases.exclude), files=tuple(files)
        )

    def _missing(self, address: Address, path: Path, what: str = "file") -> None:
        close = _near(path, {path.suffix})
        self._source.problem(
            address,
            f"there is no {what} {path}",
            f"did you mean {close}?" if close else "paths are relative to the matrix file",
        )

    def _limits(self) -> model.Limits:
        limits = self._file.limits
        memory = parse_size(limits.memory)
        output = parse_size(limits.output)
        timeout = parse_duration(limits.timeout)
        if memory < _MIN_MEMORY:
            self._source.problem(
                ("limits", "memory"), f"{limits.memory} is too little to load anything", "write 1GB"
            )
        if output < _MIN_OUTPUT:
            self._source.problem(
                ("limits", "output"), f"{limits.output} is less than one message", "write 16MB"
            )
        if not 0 < timeout <= _MAX_TIMEOUT:
            self._source.problem(
                ("limits", "timeout"), f"{limits.timeout} is not between 0 and 24h", "write 60s"
            )
        return model.Limits(
            memory_bytes=memory,
            pids=limits.pids,
            timeout_s=timeout,
            disk_bytes=parse_size(limits.disk),
            output_bytes=output,
            given=frozenset(limits.model_fields_set),
        )

    def _build(self) -> model.Build:
        build = self._file.build
        bundle = self._setting("ca_bundle", build.ca_bundle)
        path = self._path(bundle) if bundle else None
        if path and not os.path.isfile(path):  # noqa: PTH113 - as above
            self._missing(("build", "ca_bundle"), path)
        links = self._setting("find_links", build.find_links)
        if links and not _URL.match(links):
            folder = self._path(links)
            if not os.path.isdir(folder):  # noqa: PTH112 - as above
                self._missing(("build", "find_links"), folder, "folder")
            links = str(folder)
        index = self._setting("index", build.index)
        if index and not _URL.match(index):
            self._source.problem(
                ("build", "index"), f"«{index}» is not an address", "write https://… or file:///…"
            )
        return model.Build(
            ca_bundle=path,
            index=index,
            find_links=links,
            base=build.base,
            given=frozenset(build.model_fields_set),
        )

    def _path(self, text: str) -> Path:
        """A path as written: relative to the file, or from a home folder that exists."""
        return self._folder / os.path.expanduser(text)  # noqa: PTH111 - silent for unknown users

    def _setting(self, key: str, text: str | None) -> str | None:
        """A setting's value: what it says, or what the variable it names says."""
        match = re.fullmatch(r"\$(?:\{(\w+)\}|(\w+))", text or "")
        if match is None:
            return text
        name = match[1] or match[2]
        if not self._environ.get(name):
            self._source.problem(
                ("build", key),
                f"the environment variable {name} is not set",
                f"set it before the run, write the value itself, or remove {key}",
            )
            return None
        return self._environ[name]
