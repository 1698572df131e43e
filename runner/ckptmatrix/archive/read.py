"""A checkpoint file to its reading. Bounded in time and memory, whatever the file."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.bare import read_pickle
from ckptmatrix.archive.clues import clues_of
from ckptmatrix.archive.dangers import look_for_dangers
from ckptmatrix.archive.dcp import read_folder
from ckptmatrix.archive.draft import Draft
from ckptmatrix.archive.legacy import LEGACY_MAGIC, LEGACY_TEXT, read_legacy
from ckptmatrix.archive.limits import DEFAULT_LIMITS
from ckptmatrix.archive.reading import Format, Reading
from ckptmatrix.archive.requirements import requirements_of
from ckptmatrix.archive.safetensors import is_safetensors, read_safetensors
from ckptmatrix.archive.source import FileSource
from ckptmatrix.archive.tar import has_tar_header, is_tar, read_tar
from ckptmatrix.archive.torch_zip import read_zip

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.archive.limits import Limits
    from ckptmatrix.archive.source import Source

__all__ = ["read_checkpoint"]

#: Functions whose tuples and None have had different forms in different versions of torch.
_NESTED: Final = frozenset(
    {
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_sparse_csr_tensor",
        "torch._utils._rebuild_nested_tensor",
        "torch._utils._rebuild_qtensor",
        "torch._tensor._rebuild_from_type_v2",
    }
)


def read_checkpoint(path: Path, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Read a checkpoint file or folder without executing anything in it.

    Args:
        path: The file or folder; what it is called tells nothing.
        limits: How much of it is read.

    Raises:
        OSError: It cannot be opened, or is neither a file nor a folder.
    """
    if path.is_dir():
        draft = _read_folder(path, limits)
    else:
        with FileSource(path) as source:
            draft = Draft(source.size, limits, _NESTED)
            _read_file(source, draft)
    look_for_dangers(draft)
    reading = draft.reading()
    return replace(
        reading,
        written_by=clues_of(reading, draft.records),
        requirements=requirements_of(reading, draft.records),
    )


def _read_folder(path: Path, limits: Limits) -> Draft:
    with os.scandir(path) as entries:
        found = list(islice(entries, limits.records))
    size = sum(entry.stat(follow_symlinks=False).st_size for entry in found)
    draft = Draft(size, limits, _NESTED)
    if len(found) == limits.records:
        draft.stop(f"the folder has {limits.records:,} files, or more")
    read_folder(path, sorted(entry.name for entry in found), draft)
    return draft


def _read_file(source: Source, draft: Draft) -> None:
    head = source.read(0, 512)
    if not head:
        draft.format = Format.EMPTY
        draft.defect("it is empty")
    elif head.startswith(b"PK\x03\x04"):
        read_zip(source, draft)
    elif (head.startswith(b"\x80") and LEGACY_MAGIC in head[:64]) or head.startswith(LEGACY_TEXT):
        read_legacy(source, draft)
    elif is_tar(head):
        read_tar(source, draft)
    elif is_safetensors(head):
        read_safetensors(source, draft)
    else:
        read_pickle(source, draft)
    if draft.format in {Format.LEGACY, Format.PICKLE} and has_tar_header(head):
        # torch.load tries this first.
        draft.lose("it is a tar archive at the same time, which torch may read instead")
