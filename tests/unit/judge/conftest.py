from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.catalogue import CaseInfo
from ckptmatrix.wire import Checkpoint, CheckpointFile, Done, ExceptionRecord
from ckptmatrix.words import Mode, Result, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST = "0" * 64


@pytest.fixture
def make_case() -> Callable[..., CaseInfo]:
    """Makes a case that asks for nothing special."""

    def make(**fields: Any) -> CaseInfo:
        return CaseInfo(
            **{
                "name": "sample",
                "family": "state",
                "title": "A sample.",
                "modes": tuple(Mode),
                "source": "cases/mine.py:12",
                **fields,
            }
        )

    return make


@pytest.fixture
def make_attempt() -> Callable[..., Done]:
    """Makes the end of an attempt; ``raises=(type, message)`` for one that raised."""

    def make(result: Result = Result.RETURNED, **fields: Any) -> Done:
        raises = fields.pop("raises", None)
        if raises is not None:
            fields["exception"] = ExceptionRecord(type=raises[0], message=raises[1])
        return Done(
            **{
                "event": "done",
                "task": "t1",
                "attempt": 1,
                "isolation": "shared",
                "result": result,
                "stage": Stage.OBSERVE if result is Result.RETURNED else Stage.LOAD,
                "seconds": 0.5,
                **fields,
            }
        )

    return make


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        sha256=DIGEST, bytes=3, files=(CheckpointFile(path=".", bytes=3, sha256=DIGEST),)
    )
