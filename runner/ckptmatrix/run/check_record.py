"""What a check leaves behind: every load of every file, and what follows for each file.

A check is no run: nobody here saved the files, so there are no pairs of cells to tabulate. Its
record is therefore its own.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time when a record becomes JSON
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - read at run time, as above
from typing import Any

from pydantic import TypeAdapter

from ckptmatrix import __version__
from ckptmatrix.archive.reading import Reading  # noqa: TC001 - read at run time, as above
from ckptmatrix.judge.continuation import Continuation  # noqa: TC001 - read at run time, as above
from ckptmatrix.judge.model_fit import Fit, Fitting  # noqa: TC001 - read at run time, as above
from ckptmatrix.judge.outcome import (  # noqa: TC001 - read at run time, as above
    Diagnosis,
    Judgement,
)
from ckptmatrix.predict.prediction import Prediction  # noqa: TC001 - read at run time, as above
from ckptmatrix.record import CellRecord  # noqa: TC001 - read at run time, as above
from ckptmatrix.sidecar import Sidecar  # noqa: TC001 - read at run time, as above
from ckptmatrix.words import Mode, Verdict

__all__ = ["CheckRecord", "CheckedFile", "CheckedLoad", "CheckedModel", "to_json"]

#: Version of the record's form.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class CheckedLoad:
    """One load of a file.

    Attributes:
        cell: Id of the cell.
        device: Where tensors were to live.
        mode: How it was loaded.
        judgement: What came of it, compared with what most cells saw.
        loads: Whether it came back with an object, whatever that is like.
        warnings: ``Category: text`` raised on the way, each once.
        seconds: Duration of the attempt that counts.
        attempts: How many attempts were made.
        cached: Whether the answer is from an earlier run.
        diagnosis: Of what failed or changed: why, and what to do.
        prediction: What the file and the cell's facts alone said beforehand.
    """

    cell: str
    device: str
    mode: Mode
    judgement: Judgement
    loads: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    attempts: int = 0
    cached: bool = False
    diagnosis: Diagnosis | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, kw_only=True)
class CheckedModel:
    """How a file goes into the user's model in one cell.

    Attributes:
        cell: Id of the cell.
        device: Where the file's tensors were loaded.
        mode: How the file was loaded for it.
        fitting: What it means; None when it could not be tried.
        fit: What the cell tried; None as above.
        problem: Why it could not be tried, or empty.
    """

    cell: str
    device: str
    mode: Mode
    fitting: Fitting | None = None
    fit: Fit | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """What was found of one file.

    Attributes:
        path: As the user wrote it.
        sha256: Its digest.
        reading: What it says of itself, without its storages and tensors.
        loads: Every load, cells in the matrix's order.
        groups: Cells that saw the same, the most first: the first group is the reference.
        continuation: What it has and lacks to continue training from.
        models: How it goes into the user's model, one a cell that loads it.
        sidecar: What stands beside it, or None.
        sidecar_problem: Why that is not believed, or empty.
        other_environments: Cell → what differs from the environment in the sidecar: before, there.
    """

    path: str
    sha256: str
    reading: Reading
    loads: tuple[CheckedLoad, ...]
    groups: tuple[tuple[str, ...], ...]
    continuation: Continuation
    models: tuple[CheckedModel, ...] = ()
    sidecar: Sidecar | None = None
    sidecar_problem: str = ""
    other_environments: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)

    def loads_in(self, cell: str) -> bool | None:
        """Whether a cell loads it in some mode; None when that could not be measured."""
        mine = [load for load in self.loads if load.cell == cell]
        measured = [
            load
            for load in mine
            if load.loads or load.judgement.verdict not in {Verdict.ERROR, Verdict.UNSUPPORTED}
        ]
        return any(load.loads for load in measured) if measured else None


@dataclass(frozen=True, kw_only=True)
class CheckRecord:
    """Everything about one check.

    Attributes:
        format: Version of this form.
        id: Name of its folder.
        matrix: Name of the matrix.
        status: ``complete``, ``interrupted`` or ``failed``.
        started: When.
        ended: When.
        provider: Provider's name.
        ckptmatrix: Our version.
        model: ``module:factory`` of the user's model, or empty.
        cells: In the order of the matrix.
        files: In the order given.
        jobs: Starts of the cell program.
        done: Loads done in this check.
        reused: Loads whose answer was known.
    """

    format: int = FORMAT
    id: str
    matrix: str
    status: str
    started: datetime
    ended: datetime
    provider: str
    ckptmatrix: str = __version__
    model: str = ""
    cells: tuple[CellRecord, ...]
    files: tuple[CheckedFile, ...]
    jobs: int = 0
    done: int = 0
    reused: int = 0


_RECORD: TypeAdapter[CheckRecord] = TypeAdapter(CheckRecord)


def to_json(record: CheckRecord) -> dict[str, Any]:
    """The record as plain JSON values."""
    plain: dict[str, Any] = _RECORD.dump_python(record, mode="json")
    return plain
