"""What was raised in the first place, where an exception only reports it, or says nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckptmatrix.wire import ExceptionRecord

__all__ = ["raised"]

_RANK = re.compile(r"^Traceback \(most recent call last\): \(RANK \d{1,6}\)$", re.MULTILINE)
_SAID = re.compile(r"(?P<type>[A-Za-z_][\w.]{0,200})(?:: (?P<message>.+))?", re.DOTALL)
#: Of a folder that one process reads: torch 2.13.0, distributed/checkpoint/state_dict_loader.py.
_METADATA = re.compile(
    r"metadata is None; global metadata read failed: (?P<message>.+?)"
    r"(?:; rank local metadata read failed: .*)?",
    re.DOTALL,
)
#: As which Python raises these words.
_TYPES = (
    ("No module named ", "ModuleNotFoundError"),
    ("Can't get attribute ", "AttributeError"),
    ("[Errno 2] ", "FileNotFoundError"),
    ("too many values to unpack", "ValueError"),
)
#: What Python 3.11 and later print below a line of source.
_MARKS = frozenset(" ^~")


def raised(record: ExceptionRecord) -> ExceptionRecord:
    """What one has to know of an exception to understand it.

    ``torch.distributed.checkpoint`` puts the tracebacks of its ranks into the message of its own
    exception (torch/distributed/checkpoint/api.py): that of the first rank counts. Why a folder's
    metadata could not be read is in the words of another one. An assertion without words is told by
    its source.

    Args:
        record: As the cell reported it.

    Returns:
        Another record, or the same where there is nothing to add.
    """
    if record.type.endswith("CheckpointException"):
        _, *ranks = _RANK.split(record.message)
        lines = ranks[0].strip("\n").splitlines() if ranks else []
        frames = max((at for at, line in enumerate(lines) if line.startswith(" ")), default=-1)
        said = _SAID.fullmatch("\n".join(lines[frames + 1 :]))
        if said is not None:
            message = said["message"] or ""
            record = record.model_copy(
                update={
                    "type": said["type"],
                    "message": message,
                    "traceback": "\n".join(lines[: frames + 1]),
                }
            )
    metadata = _METADATA.fullmatch(record.message) if record.type == "AssertionError" else None
    if metadata is not None:
        told = metadata["message"]
        kind = next((kind for words, kind in _TYPES if told.startswith(words)), record.type)
        record = record.model_copy(update={"type": kind, "message": told})
    if record.type == "AssertionError" and not record.message:
        sources = [
            line.strip() for line in record.traceback.splitlines() if not _MARKS.issuperset(line)
        ]
        if sources and sources[-1].startswith("assert "):
            record = record.model_copy(update={"message": sources[-1]})
    return record
