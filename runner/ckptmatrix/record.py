"""What a run leaves behind: the header, its cells, its saves and its outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AwareDatetime  # noqa: TC002 - read at run time when a record becomes JSON

from ckptmatrix.judge.outcome import (  # noqa: TC001 - read at run time, as above
    Diagnosis,
    Outcome,
)
from ckptmatrix.wire import Facts  # noqa: TC001 - read at run time, as above
from ckptmatrix.words import Reason, Verdict

__all__ = ["FORMAT", "CellRecord", "Counts", "RunRecord", "SaveRecord"]

#: Version of the run folder's format.
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """One cell of a run: what was declared, what it turned out to be.

    Attributes:
        id: Resolved id, the one outcomes carry.
        declared: Id in the matrix file.
        verdict: ``ok`` when it could be used, ``unsupported`` or ``error`` when not.
        reason: Why not.
        message: One sentence when it could not be used, else empty.
        log_tail: Last lines of the tool that failed.
        facts: What its ``hello`` said, when it came that far.
        packages: ``name==version``.
        environment: Digest of the image, or of the interpreter and lock it is made from; empty when
            it was not made.
        notes: Sentences for the user.
        trusted: Whether both its controls behaved; None when it could not be used, or when they
            did not run for no fault of its own.
        distrust: Which control misbehaved, and how.
        prepare_seconds: Time to make its environment in this run.
        reused: Whether the environment was found ready.
    """

    id: str
    declared: str
    verdict: Verdict = Verdict.OK
    reason: Reason | None = None
    message: str = ""
    log_tail: str = ""
    facts: Facts | None = None
    packages: tuple[str, ...] = ()
    environment: str = ""
    notes: tuple[str, ...] = ()
    trusted: bool | None = None
    distrust: str = ""
    prepare_seconds: float = 0.0
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class SaveRecord:
    """What came of one save.

    Attributes:
        producer: Cell id.
        case: Case name.
        device: Where the tensors lived.
        verdict: ``ok``, ``failed``, ``unsupported`` or ``error``.
        reason: Why not ``ok``.
        message: The exception's words or one sentence.
        checkpoint: SHA-256, when there is a file.
        bytes: Its size.
        seconds: Duration.
        cached: Whether it is from an earlier run.
        attempts: How many attempts were made; 0 when it was not tried.
        flaky: Whether it failed once and then succeeded.
        diagnosis: For a failed one: why, and what to do.
    """

    producer: str
    case: str
    device: str
    verdict: Verdict
    reason: Reason | None = None
    message: str = ""
    checkpoint: str | None = None
    bytes: int = 0
    seconds: float = 0.0
    cached: bool = False
    attempts: int = 0
    flaky: bool = False
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the run cost, and what it could reuse.

    Attributes:
        jobs: Starts of the cell program.
        saves: Saves done in this run.
        loads: Loads done in this run.
        reused_saves: Saves whose result was known.
        reused_loads: Loads whose result was known.
    """

    jobs: int = 0
    saves: int = 0
    loads: int = 0
    reused_saves: int = 0
    reused_loads: int = 0


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything about one run.

    Attributes:
        id: Name of its folder.
        matrix: Name of the matrix.
        status: ``started`` while it runs, and for ever when it was killed; ``complete``;
            ``interrupted`` by the user or by a signal; ``failed`` when something unforeseen ended
            it (a full disk, a bug). Of the last two, what had an answer is there and the rest
            says ``did_not_run``; the same command goes on.
        started: When, with its time zone.
        ended: When, or None.
        provider: Provider's name.
        provider_note: Why this provider, one line.
        ckptmatrix: Our version.
        cells: In the order of the matrix.
        cases: Name → (family, title), in the catalogue's order.
        saves: One per (producer, case, device).
        outcomes: One per load, none absent.
        counts: What it cost.
        phases: Phase → seconds.
        partial: Whether only some cells or cases of the matrix were asked for (``--cells``,
            ``--cases``).
    """

    id: str
    matrix: str
    status: str
    started: AwareDatetime
    ended: AwareDatetime | None = None
    provider: str
    provider_note: str = ""
    ckptmatrix: str
    cells: tuple[CellRecord, ...] = ()
    cases: dict[str, tuple[str, str]]
    saves: tuple[SaveRecord, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    counts: Counts = Counts()
    phases: dict[str, float]
    partial: bool = False
