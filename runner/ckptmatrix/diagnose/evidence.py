"""What a diagnosis may rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.archive.reading import Reading
    from ckptmatrix.catalogue import CaseInfo
    from ckptmatrix.judge.outcome import Judgement
    from ckptmatrix.wire import ExceptionRecord, Facts
    from ckptmatrix.words import Mode

__all__ = ["Evidence"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything known about one load, or one save, that did not go well.

    Attributes:
        judgement: What it came to.
        case: The case.
        mode: How it was loaded; None for a save.
        device: Where tensors are to live.
        producer: Facts of the cell that saved; None when nobody here did (a user's own file).
        consumer: Facts of the cell that loaded, or for a save of the one that saved.
        exception: What was raised, with its type; None when nothing was.
        warnings: ``Category: text`` raised on the way.
        reading: The file, read without executing it; None when there is none.
        modes: The same checkpoint in the other modes, same consumer and device.
        variants: Cure word → mode → what came of the case that is this one's variant by that cure,
            for the same producer, consumer and devices.
    """

    judgement: Judgement
    case: CaseInfo
    mode: Mode | None
    device: str
    producer: Facts | None
    consumer: Facts | None
    exception: ExceptionRecord | None = None
    warnings: tuple[str, ...] = ()
    reading: Reading | None = None
    modes: Mapping[Mode, Judgement] = field(default_factory=dict)
    variants: Mapping[str, Mapping[Mode, Judgement]] = field(default_factory=dict)
