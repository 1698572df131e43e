from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.archive.reading import Format, Reading
from ckptmatrix.catalogue import CaseInfo
from ckptmatrix.diagnose.evidence import Evidence
from ckptmatrix.judge.outcome import Judgement
from ckptmatrix.wire import ExceptionRecord, Facts
from ckptmatrix.words import Mode, Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def facts(torch: str, python: str = "3.11.7", numpy: str | None = "2.1.0") -> Facts:
    return Facts(
        cell_program="1",
        python=python,
        implementation="CPython",
        executable="/env/bin/python",
        platform="Linux",
        machine="x86_64",
        byteorder="little",
        torch=torch,
        numpy=numpy,
    )


@pytest.fixture
def evidence() -> Callable[..., Evidence]:
    """Evidence of a failed load; what is given replaces a part of it."""

    def make(**changes: Any) -> Evidence:
        fields: dict[str, Any] = {
            "judgement": Judgement(
                verdict=Verdict.FAILED,
                reason=Reason.MISSING_GLOBAL,
                stage=Stage.LOAD,
                message="AttributeError: Can't get attribute 'Net' on <module 'mine'>",
                entity="mine.Net",
            ),
            "case": CaseInfo(name="some", family="state", title="Some", modes=(Mode.PLAIN,)),
            "mode": Mode.PLAIN,
            "device": "cpu",
            "producer": facts("2.6.0"),
            "consumer": facts("1.12.1"),
            "exception": ExceptionRecord(
                type="AttributeError", message="Can't get attribute 'Net' on <module 'mine'>"
            ),
            "reading": Reading(format=Format.ZIP, bytes=1234),
        }
        return Evidence(**(fields | changes))

    return make
