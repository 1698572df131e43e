"""Pickles that ``torch.save`` did not write, and what is no pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.draft import Draft
from ckptmatrix.archive.objects import describe_inner, describe_object
from ckptmatrix.archive.other import name_other
from ckptmatrix.archive.reading import Format
from ckptmatrix.archive.streams import LEGACY_NUMBER, follow_stream, settles

if TYPE_CHECKING:
    from ckptmatrix.archive.source import Source

__all__ = ["read_pickle"]

_PROTO: Final = 0x80
_HIGHEST: Final = 5
#: Opcodes with which pickles of protocols 0 and 1 of something with parts begin.
_FIRST: Final = b"(c]}i"


def read_pickle(source: Source, draft: Draft) -> None:
    """Read a pickle; say what the file is when it is none."""
    name_other(source, draft)
    head = source.read(0, 2)
    declared = head[0] == _PROTO and head[1:2] <= bytes([_HIGHEST]) and len(head) > 1
    if draft.format not in {Format.UNKNOWN, Format.OTHER} or (
        not declared and head[:1] not in [bytes([each]) for each in _FIRST]
    ):
        return
    if not declared:
        # Texts can begin like such a pickle: it is one when it goes on like one to its end.
        trial = Draft(draft.size, draft.limits, frozenset())
        _, end = trial.unpickle(source)
        if end is None and not trial.incomplete:
            return
    draft.format, draft.note = Format.PICKLE, ""
    root, end = draft.unpickle(source)
    if end is not None and end < source.size:
        draft.say("bytes after its end", f"{source.size - end:,}")
        if root == LEGACY_NUMBER or not settles(root):
            # After its magic number, however that is written, torch reads on.
            follow_stream(source, draft, "what torch reads on from its beginning")
    describe_object(draft, root)
    describe_inner(draft)
