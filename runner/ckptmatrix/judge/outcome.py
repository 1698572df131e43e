"""What one load came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ckptmatrix.predict.prediction import (
    Prediction,  # noqa: TC001 - read at run time when a record becomes JSON
)
from ckptmatrix.words import (  # noqa: TC001 - read at run time when a record becomes JSON
    Mode,
    Reason,
    Stage,
    Verdict,
)

__all__ = ["Cure", "Diagnosis", "Difference", "Judgement", "Outcome"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One leaf that is not the same.

    Attributes:
        path: The leaf's path in the observation.
        what: Which of the ``changed`` reasons it is.
        before: What the producer had, as short text.
        after: What the consumer has, as short text.
        absolute: The largest difference between two numbers at the same place; None where numbers
            were not kept, are not finite, or are not what differs.
        relative: The largest difference in proportion to the larger of the two, likewise.
        step: Of further training, the first step that differs, counted from 1; else None.
    """

    path: str
    what: Reason
    before: str
    after: str
    absolute: float | None = None
    relative: float | None = None
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the judge makes of the attempts at one load.

    Attributes:
        verdict: What happened.
        reason: Why; None for ``ok``.
        stage: Where it ended.
        as_expected: Whether it is what the case expects of a good environment.
        flaky: Whether attempts that should agree differ.
        message: The exception's own words, or one sentence; empty for ``ok``.
        entity: What the message is about (a global, a key, a version, a leaf), or empty.
        differences: For ``changed``: at most 50, worst first.
    """

    verdict: Verdict
    reason: Reason | None = None
    stage: Stage | None = None
    as_expected: bool = True
    flaky: bool = False
    message: str = ""
    entity: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cure:
    """One thing to do about it.

    Attributes:
        where: What has to change: how it is saved, how it is loaded, or a version.
        text: What to do, in one sentence.
        verified: Whether it was seen to work in this run, for this producer and consumer.
        by: What was seen, or can be: a mode, or the cure word of a variant; empty when nothing.
    """

    where: Literal["save", "load", "version"]
    text: str
    verified: bool = False
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Why a load did not go well, and what to do.

    Attributes:
        signature: Name of the knowledge it rests on; empty when nothing is known, which counts as
            undiagnosed.
        cause: The cause in one sentence, with what it is about: the global, key, version or size.
        cures: What to do, the verified first.
        reference: Public issue or release note: ``pytorch#42724``, ``torch 2.6 release notes``.
        versions: Versions of both sides: ``saved with torch 2.6.0, Python 3.13.0, NumPy 2.2.0;
            loaded with torch 1.13.1, Python 3.11.2, NumPy 1.24.2``. Of a save, or a file that
            nobody here saved, the one side that there is.
    """

    signature: str
    cause: str
    cures: tuple[Cure, ...] = ()
    reference: str = ""
    versions: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the cause is known."""
        return bool(self.signature)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row of the compatibility table.

    Attributes:
        producer: Id of the cell that saved.
        consumer: Id of the cell that loaded.
        case: Name of the case.
        family: The case's family.
        producer_device: Where the producer's tensors lived.
        device: Where the consumer's are to live.
        mode: How it was loaded.
        judgement: What came of it.
        warnings: ``Category: text`` raised on the way, each once.
        seconds: Duration of the attempt that counts.
        peak_rss_bytes: Peak memory of its process.
        attempts: How many attempts were made.
        checkpoint: SHA-256 of what was loaded, or None when nothing was.
        cached: Whether the observation is from an earlier run.
        diagnosis: For what failed or changed: why, and what to do. None for everything else.
        prediction: What the file, the consumer's facts and the way of loading alone say of it;
            None when there was no file or no facts.
    """

    producer: str
    consumer: str
    case: str
    family: str
    producer_device: str
    device: str
    mode: Mode
    judgement: Judgement
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    attempts: int = 0
    checkpoint: str | None = None
    cached: bool = False
    diagnosis: Diagnosis | None = None
    prediction: Prediction | None = None
