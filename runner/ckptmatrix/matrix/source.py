"""YAML text to plain data, with the position and the spelling of every value.

Only what a matrix needs of YAML is read: mappings with words as keys, lists, texts, numbers, truth
values and null. Files come from anywhere, so everything is bounded.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml
from yaml.constructor import SafeConstructor

from ckptmatrix.errors import MatrixError, Problem
from ckptmatrix.matrix.syntax import explain

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Address", "Place", "Source", "read_source"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 10_000
MAX_MESSAGE = 300

#: Where a value lies in the data: ``("include", 0, "python")``.
Address = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_SCALARS = {"int": "construct_yaml_int", "float": "construct_yaml_float"}
_COLLECTION_END = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class Place(NamedTuple):
    """A position in the file, both numbers from 1."""

    line: int
    column: int


@dataclass(kw_only=True)
class Source:
    """What a file says.

    Attributes:
        path: The file.
        digest: SHA-256 of its bytes.
        data: Mappings, lists, texts, numbers, truth values and None.
        problems: What is wrong but did not keep the rest from being read.
        values: Position of each value.
        keys: Position of each key of a mapping, by the address of its value.
        spelling: The text of each scalar as written, without quotes.
        refused: Where ``data`` has None in place of something that ``problems`` speaks of.
        partial: Mappings that lack an entry that ``problems`` speaks of.
    """

    path: Path
    digest: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    values: dict[Address, Place] = field(default_factory=dict)
    keys: dict[Address, Place] = field(default_factory=dict)
    spelling: dict[Address, str] = field(default_factory=dict)
    refused: set[Address] = field(default_factory=set)
    partial: set[Address] = field(default_factory=set)

    def place(self, address: Address) -> Place:
        """Where the value is, or the nearest thing around it that is in the file."""
        while address and address not in self.values:
            address = address[:-1]
        return self.values.get(address, Place(1, 1))

    def key_place(self, address: Address) -> Place:
        """Where the key of the value is, or the value itself when it has none."""
        return self.keys.get(address) or self.place(address)

    def without(self, addresses: Collection[Address]) -> Source:
        """The same file as if some values had not been written.

        Args:
            addresses: Of the values to leave out; what lies in them goes with them.

        Returns:
            A source whose places are those in the file and whose problems are noted here.
        """
        moved: dict[Address, Address] = {}

        def rest(data: Any, before: Address, now: Address) -> Any:  # noqa: ANN401 - as in data
            moved[before] = now
            if isinstance(data, dict):
                return {
                    key: rest(value, (*before, key), (*now, key))
                    for key, value in data.items()
                    if (*before, key) not in addresses
                }
            if isinstance(data, list):
                left = [at for at in range(len(data)) if (*before, at) not in addresses]
                return [rest(data[at], (*before, at), (*now, to)) for to, at in enumerate(left)]
            return data

        data = rest(self.data, (), ())
        return replace(
            self,
            data=data,
            values={moved[at]: place for at, place in self.values.items() if at in moved},
            keys={moved[at]: place for at, place in self.keys.items() if at in moved},
            spelling={moved[at]: text for at, text in self.spelling.items() if at in moved},
            refused={moved[at] for at in self.refused if at in moved},
            partial={moved[at] for at in self.partial if at in moved},
        )

    def problem(self, address: Address, message: str, fix: str = "", *, key: bool = False) -> None:
        """Note that something is wrong with the value, or with its key."""
        self.note(self.key_place(address) if key else self.place(address), message, fix)

    def note(self, place: Place, message: str, fix: str = "") -> None:
        """Note that something is wrong at a place."""
        self.problems.append(
            Problem(line=place.line, column=place.column, message=_short(message), fix=_short(fix))
        )


def _short(text: str) -> str:
    """Messages repeat what was written, however long that was."""
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def read_source(path: Path, *, example: str) -> Source:
    """Read a YAML file.

    Args:
        path: The file; UTF-8, at most :data:`MAX_BYTES`.
        example: What an empty file is told to hold at least.

    Returns:
        Its data, and the problems that left the rest readable. Of two equal keys the first counts.

    Raises:
        MatrixError: It cannot be read as YAML at all.
    """
    raw = _bytes_of(path)
    text = _text_of(path, raw)
    source = Source(path=path, digest=hashlib.sha256(raw).hexdigest())
    try:
        _guard(path, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise MatrixError(path, [explain(error, text)]) from None
    if root is None:
        raise MatrixError(path, [_whole("the file is empty", f"write at least {example}")])
    source.data = _Reader(source).read(root, ())
    return source


def _whole(message: str, fix: str = "") -> Problem:
    return Problem(line=0, column=0, message=message, fix=fix)


def _bytes_of(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_at_once) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                fix = "write the text to a file and name that"
                raise MatrixError(path, [_whole("this is not a file with text in it", fix)])
            raw = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        fix = "name a file in it"
        raise MatrixError(path, [_whole("this is a folder, not a file", fix)]) from None
    except FileNotFoundError:
        message = "there is no such file"
        if os.path.islink(path):  # noqa: PTH114 - answers for every name, however odd
            message = f"the link points to nothing: {os.readlink(path)}"  # noqa: PTH115 - as above
        raise MatrixError(path, [_whole(message)]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MatrixError(path, [_whole(f"the file cannot be read: {reason}")]) from None
    if len(raw) > MAX_BYTES:
        fix = "is it the right file? Such a file is rarely longer than a page"
        raise MatrixError(path, [_whole(f"the file is larger than {MAX_BYTES:,} bytes", fix)])
    return raw


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, which a named pipe may never have."""
    return os.open(path, flags | os.O_NONBLOCK)


def _text_of(path: Path, raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise MatrixError(path, [_whole("the file is written in UTF-16", "save it as UTF-8")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        problem = Problem(
            line=before.count(b"\n") + 1,
            column=len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1,
            message=f"byte 0x{raw[error.start]:02x} is not UTF-8",
            fix="save the file as UTF-8",
        )
        raise MatrixError(path, [problem]) from None


def _guard(path: Path, text: str) -> None:
    """Refuse what would make composing it expensive, before composing it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        problem = ""
        fix = ""
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                problem = "a second document starts here; a file holds one"
                fix = "remove the line «---», or make two files"
        elif isinstance(event, _COLLECTION_END):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            if depth > MAX_DEPTH:
                problem = f"lists and mappings are nested more than {MAX_DEPTH} deep"
            elif nodes > MAX_NODES:
                problem = f"the file has more than {MAX_NODES:,} values"
        if problem:
            mark = event.start_mark
            place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
            found = Problem(line=place.line, column=place.column, message=problem, fix=fix)
            raise MatrixError(path, [found])


class _Reader:
    """Turns the nodes of one file into data and writes down where everything was."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: set[int] = set()
        self._count = 0
        self._constructor = SafeConstructor()

    def read(self, node: yaml.Node, address: Address) -> Any:  # noqa: ANN401 - YAML is any data
        self._source.values[address] = _place(node)
        self._count += 1
        if self._count > MAX_NODES:
            self._stop(address[:1])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, address)
        if id(node) in self._open:
            self._source.problem(
                address,
                "an alias lies inside the very value it stands for",
                "write out what is meant",
            )
            return self._refused(address)
        self._open.add(id(node))
        try:
            return self._collection(node, address)
        finally:
            self._open.remove(id(node))

    def _stop(self, address: Address) -> NoReturn:
        message = f"the aliases in here stand for more than {MAX_NODES:,} values"
        self._source.problem(address, message, "write fewer values, and no alias of an alias")
        raise MatrixError(self._source.path, self._source.problems)

    def _collection(self, node: yaml.Node, address: Address) -> Any:  # noqa: ANN401 - as above
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.read(item, (*address, at)) for at, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, address)
        self._refuse_tag(node, address)
        return self._refused(address)

    def _mapping(self, node: yaml.MappingNode, address: Address) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            key = self._key(key_node, place)
            if key is None:
                self._source.partial.add(address)
                continue
            if key in data:
                first = self._source.keys[(*address, key)].line
                self._source.note(
                    place,
                    f"the key «{key}» is here twice; it was already on line {first}",
                    "keep one of the two",
                )
                continue
            self._source.keys[(*address, key)] = place
            data[key] = self.read(value_node, (*address, key))
        return data

    def _key(self, node: yaml.Node, place: Place) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._source.note(place, "a list or mapping cannot be a key", "use a word as the key")
            return None
        if node.tag == f"{_TAG}merge":
            self._source.note(place, "merge keys (<<) are not read", "write the keys out")
            return None
        if node.tag != f"{_TAG}str":
            self._source.note(
                place,
                f"YAML does not read the key «{node.value}» as a word",
                "keys are words",
            )
            return None
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, address: Address) -> Any:  # noqa: ANN401 - as above
        self._source.spelling[address] = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in {"str", "timestamp", "value"}:
            return node.value
        if kind == "null":
            return None
        try:
            if kind == "bool":
                return SafeConstructor.bool_values[node.value.lower()]
            if kind in _SCALARS:
                return getattr(self._constructor, _SCALARS[kind])(node)
        except (ValueError, KeyError, IndexError):
            self._source.problem(address, f"«{node.value[:40]}» cannot be read as {kind}")
            return self._refused(address)
        self._refuse_tag(node, address)
        return self._refused(address)

    def _refused(self, address: Address) -> None:
        self._source.refused.add(address)

    def _refuse_tag(self, node: yaml.Node, address: Address) -> None:
        tag = node.tag.replace(_TAG, "!!")
        written = f"{tag} {node.value}".strip() if isinstance(node, yaml.ScalarNode) else ""
        self._source.problem(
            address,
            f"the YAML tag {tag} is not allowed",
            f"if you mean the text, put it in quotes: '{written}'" if written else "remove it",
        )


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
