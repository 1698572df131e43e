"""From the object of a checkpoint to what a reading says of it: root, keys, storages, tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ckptmatrix.archive.contents import keys_of, root_class, tensors_in
from ckptmatrix.archive.reading import StorageEntry, TensorEntry
from ckptmatrix.archive.tensors import extent_of, storage_of
from ckptmatrix.archive.training import training_state_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.nodes import Node
    from ckptmatrix.archive.tensors import Storage

__all__ = ["describe_inner", "describe_object", "describe_storages"]


def describe_object(
    draft: Draft,
    root: Node,
    *,
    main: bool = True,
    prefix: str = "",
    known: Mapping[str, TensorEntry] | None = None,
) -> None:
    """Put down what an object is and which tensors are in it.

    Args:
        draft: Where.
        root: The object.
        main: Whether it is the checkpoint's object, not a further one.
        prefix: What its tensors' paths begin with.
        known: Tensors that it only refers to, by their persistent ids as text.
    """
    if main:
        draft.root = root_class(root)
        draft.keys = keys_of(root, draft.limits.keys)
        draft.training = training_state_in(root)
    tensors = tensors_in(root, draft.limits.tensors - len(draft.tensors), known)
    draft.tensor_count += tensors.total
    if tensors.deep:
        draft.stop("its object is nested deeper than is followed")
    for found in tensors.found:
        path = prefix + found.path
        if found.entry is None:
            entry = TensorEntry(path=path, dtype="", shape=(), rebuild=found.node.of.name)
        else:
            entry = replace(found.entry, path=path)
            _check_extent(draft, found.node, path)
        draft.tensors.append(entry)


def _check_extent(draft: Draft, node: Node, path: str) -> None:
    extent = extent_of(node)
    if extent is not None and extent[0] > extent[1]:
        draft.defect(
            f"tensor {path} needs {extent[0]:,} elements of its storage, which has {extent[1]:,}"
        )


def describe_storages(
    draft: Draft, present: Callable[[Storage], int | None], *, since: int = 0
) -> None:
    """Put down the storages that persistent ids name, and which of them lack bytes.

    Args:
        draft: Where.
        present: How many bytes of a storage are in the file.
        since: How many of the persistent ids were described before.
    """
    widest: dict[str, Storage] = {}
    for node in draft.found.persistent[since:]:
        storage = storage_of(node)
        if storage is None:
            draft.defect(
                "its storages are named by texts, as in protocol 0, which torch does not read"
                if isinstance(node.id, str)
                else "it refers to something outside the pickle that is no storage"
            )
            continue
        known = widest.get(storage.key)
        if known is None or storage.bytes > known.bytes:
            widest[storage.key] = storage
    for key, storage in widest.items():
        there = present(storage)
        draft.tensor_bytes += storage.bytes
        if storage.device != "meta":
            if there is None:
                draft.defect(f"the bytes of storage {key} are missing ({storage.bytes:,} bytes)")
            elif there < storage.bytes:
                draft.defect(
                    f"storage {key} should have {storage.bytes:,} bytes, and the file has {there:,}"
                )
        if len(draft.storages) < draft.limits.storages:
            draft.storages.setdefault(
                key,
                StorageEntry(
                    key=key,
                    dtype=storage.dtype,
                    device=storage.device,
                    bytes=storage.bytes,
                    present=there,
                ),
            )


def describe_inner(draft: Draft) -> None:
    """Put down the storages of checkpoints that lie inside a pickle: their bytes do too."""
    for node in draft.found.inner:
        storage = storage_of(node)
        if storage is None or storage.key in draft.storages:
            continue
        draft.tensor_bytes += storage.bytes
        if len(draft.storages) < draft.limits.storages:
            draft.storages[storage.key] = StorageEntry(
                key=storage.key,
                dtype=storage.dtype,
                device=storage.device,
                bytes=storage.bytes,
                present=storage.bytes,
            )
