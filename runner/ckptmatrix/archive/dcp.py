"""Folders of ``torch.distributed.checkpoint``: a pickle ``.metadata`` and files of shards.

What the pickle holds: ``torch/distributed/checkpoint/metadata.py`` and ``filesystem.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.contents import root_class, shown_key
from ckptmatrix.archive.nodes import Made, Mapping, Name, Node, dotted_name
from ckptmatrix.archive.reading import Format, TensorEntry
from ckptmatrix.archive.source import FileSource, Part
from ckptmatrix.archive.streams import follow_stream
from ckptmatrix.archive.tensors import sizes_of

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.archive.draft import Draft

__all__ = ["read_folder"]

_METADATA: Final = ".metadata"
_SHARD: Final = ".distcp"
_ROOT: Final = "torch.distributed.checkpoint.metadata.Metadata"
_INFO: Final = "torch.distributed.checkpoint.filesystem._StorageInfo"


def read_folder(path: Path, names: list[str], draft: Draft) -> None:
    """Read a folder.

    Args:
        path: The folder.
        names: What is in it.
        draft: Where what is found is put down.
    """
    shards = [name for name in names if name.endswith(_SHARD)]
    if _METADATA not in names:
        if shards:
            draft.format = Format.DCP
            draft.defect("its file .metadata is missing: it is written last, when all shards are")
        elif "data.pkl" in names:
            draft.format = Format.OTHER
            draft.note = "an unpacked archive of torch.save: pack it again without compression"
        else:
            draft.format = Format.OTHER
            draft.note = "a folder that torch.distributed.checkpoint did not write"
        return
    draft.format = Format.DCP
    with FileSource(path / _METADATA) as source:
        root, end = draft.unpickle(source, what=_METADATA)
    draft.root = root_class(root)
    state = _state(root)
    entries = _mapping(state.get("state_dict_metadata"))
    draft.keys = tuple(shown for shown, _ in islice(_shown(entries), draft.limits.keys))
    for key, value in entries:
        _entry(key, value, draft)
    if end is not None and (
        root_class(root) != _ROOT or not isinstance(state.get("storage_data"), Mapping)
    ):
        draft.lose("the metadata are not written as torch writes them")
    _check_files(path, state.get("storage_data"), draft)
    draft.say("shards", f"{len(shards):,} files")


def _state(node: Node) -> dict[str, Node]:
    """Attributes of a dataclass, by name."""
    if not isinstance(node, Made) or not isinstance(node.state, Mapping):
        return {}
    return {key: value for key, value in node.state.pairs or () if isinstance(key, str)}


def _mapping(node: Node) -> list[tuple[Node, Node]]:
    if isinstance(node, Mapping | Made):
        return node.pairs or []
    return []


def _shown(pairs: list[tuple[Node, Node]]) -> list[tuple[str, Node]]:
    return [(key[:200] if isinstance(key, str) else shown_key(key), value) for key, value in pairs]


def _entry(key: Node, value: Node, draft: Draft) -> None:
    if not isinstance(value, Made) or not dotted_name(value.of).endswith(".TensorStorageMetadata"):
        return
    draft.tensor_count += 1
    if len(draft.tensors) >= draft.limits.tensors:
        return
    state = _state(value)
    properties = _properties(state.get("properties"))
    draft.tensors.append(
        TensorEntry(
            path=f"[{shown_key(key)}]",
            dtype=properties.dtype,
            shape=sizes_of(state.get("size")),
            requires_grad=properties.requires_grad,
        )
    )


@dataclass(frozen=True)
class _Properties:
    dtype: str = ""
    requires_grad: bool | None = None


def _properties(node: Node) -> _Properties:
    """``TensorProperties``: its state is a tuple that begins with the dtype, or its attributes."""
    state = node.state if isinstance(node, Made) else None
    if isinstance(state, tuple):
        dtype = next((each for each in state if isinstance(each, Name)), None)
        grad = next((each for each in state if isinstance(each, bool)), None)
        return _Properties(dotted_name(dtype), grad)
    named = _state(node)
    grad = named.get("requires_grad")
    return _Properties(dotted_name(named.get("dtype")), grad if isinstance(grad, bool) else None)


@dataclass
class _File:
    """What the metadata say of a shard file: where its pieces begin, and how long they are."""

    end: int = 0
    pieces: dict[tuple[int, int], None] = field(default_factory=dict)
    count: int = 0


def _files(node: Node, draft: Draft) -> dict[str, _File]:
    files: dict[str, _File] = {}
    pairs = _mapping(node)
    if len(pairs) > draft.limits.records:
        draft.stop(f"its metadata name {len(pairs):,} pieces")
    for _, value in pairs[: draft.limits.records]:
        state = _state(value)
        name, offset, length = (state.get(key) for key in ("relative_path", "offset", "length"))
        if not (isinstance(name, str) and isinstance(offset, int) and isinstance(length, int)):
            draft.lose("the metadata do not say where a piece lies")
            continue
        if root_class(value) != _INFO or value.arguments or state.get("transform_descriptors"):
            draft.lose("the metadata say in an unknown way where a piece lies")
        file = files.setdefault(name, _File())
        file.end = max(file.end, offset + length)
        file.pieces[offset, length] = None
        file.count += 1
        draft.tensor_bytes += length
    return files


def _check_files(path: Path, node: Node, draft: Draft) -> None:
    """Compare what the shards should hold with what is there, and follow what torch unpickles.

    Every piece is a stream of ``torch.save``: objects are unpickled without restriction, and
    before torch 2.4 tensors were as well.
    """
    for name, file in _files(node, draft).items():
        if "/" in name or "\\" in name or name in {"", ".", ".."}:
            draft.danger(name, "the metadata name a file outside the folder", "odd")
            continue
        try:
            # torch follows links.
            source = FileSource(path / name)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            draft.defect(f"its file {name[:100]!a} is missing, with {file.count:,} pieces")
            continue
        except OSError as error:
            draft.defect(f"its file {name[:100]!a} cannot be read: {error.strerror}")
            draft.lose(f"its file {name[:100]!a} cannot be read")
            continue
        with source:
            if source.size < file.end:
                draft.defect(
                    f"its file {name[:100]!a} is cut off: {source.size:,} of at least "
                    f"{file.end:,} bytes"
                )
            _follow_pieces(source, name, file, draft)


def _follow_pieces(source: FileSource, name: str, file: _File, draft: Draft) -> None:
    for offset, length in file.pieces:
        what = f"{name[:100]!a} at byte {offset}"
        if offset < 0 or length < 0:
            draft.lose(f"{what}: there is no such place")
        elif offset + length > source.size:
            draft.lose(f"{what}: it is cut off")
        else:
            follow_stream(Part(source, offset, length), draft, what)
        if draft.room.pieces <= 0 and draft.incomplete:
            return
