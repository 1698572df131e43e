"""A made-up run of three cells and five cases, for what is about runs that have ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ckptmatrix.judge.outcome import Difference, Judgement, Outcome
from ckptmatrix.record import CellRecord, Counts, RunRecord, SaveRecord
from ckptmatrix.wire import Facts
from ckptmatrix.words import Mode, Reason, Stage, Verdict

__all__ = ["CASES", "CELLS", "answer", "facts", "make_run", "outcome"]

CASES = {
    "tensor_plain": ("tensor", "A float tensor."),
    "tensor_conj": ("tensor", "A conjugated tensor."),
    "numpy_scalar": ("numpy", "A NumPy scalar in a dict."),
    "file_truncated": ("damage", "A file that was cut off."),
    "wrong_layers": ("user-mistakes", "Another architecture than was saved."),
}
CELLS = ("py3.8-torch1.7.1-cpu", "py3.10-torch1.12.1-cpu", "py3.13-torch2.6.0-cpu")
OLD, MID, NEW = CELLS


def facts(python: str, torch: str) -> Facts:
    return Facts(
        cell_program="1",
        python=python,
        implementation="CPython",
        executable="/opt/cell/bin/python",
        platform="Linux",
        machine="x86_64",
        byteorder="little",
        libc="glibc 2.36",
        torch=torch,
        numpy="1.24.0",
    )


def outcome(**changes: Any) -> Outcome:
    """An ``ok`` load; fields of the judgement may be given directly."""
    judgement = {
        name: changes.pop(name) for name in list(changes) if name in Judgement.__dataclass_fields__
    }
    fields: dict[str, Any] = {
        "producer": OLD,
        "consumer": NEW,
        "case": "tensor_plain",
        "producer_device": "cpu",
        "device": "cpu",
        "mode": Mode.PLAIN,
        "seconds": 0.01,
        "attempts": 1,
        "checkpoint": "a" * 64,
    }
    fields |= changes
    fields.setdefault("family", CASES.get(fields["case"], ("other", ""))[0])
    return Outcome(**fields, judgement=Judgement(**({"verdict": Verdict.OK} | judgement)))


def answer(producer: str, consumer: str, case: str, mode: Mode) -> dict[str, Any]:
    """What the made-up cells answer."""
    if case == "tensor_conj" and producer == MID:
        difference = Difference(
            path="['x']",
            what=Reason.VALUES_DIFFER,
            before="1-2j",
            after="1+2j",
            absolute=4.0,
            relative=4.0 / 5**0.5,
        )
        return {
            "verdict": Verdict.CHANGED,
            "reason": Reason.VALUES_DIFFER,
            "stage": Stage.OBSERVE,
            "as_expected": False,
            "entity": "['x']",
            "differences": (difference,),
        }
    if case == "numpy_scalar" and producer == NEW and consumer != NEW:
        return {
            "verdict": Verdict.FAILED,
            "reason": Reason.MISSING_MODULE,
            "stage": Stage.LOAD,
            "as_expected": False,
            "entity": "numpy._core",
            "message": "No module named 'numpy._core'",
        }
    if case == "tensor_conj" and producer == OLD:
        return {"verdict": Verdict.ABORTED, "reason": Reason.PRODUCER_UNSUPPORTED}
    if case == "file_truncated":
        return {
            "verdict": Verdict.FAILED,
            "reason": Reason.FILE_CORRUPT,
            "stage": Stage.LOAD,
            "message": "failed finding central directory",
        }
    if case == "wrong_layers":
        return {
            "verdict": Verdict.FAILED,
            "reason": Reason.MISSING_KEYS,
            "stage": Stage.LOAD,
            "as_expected": mode is Mode.PLAIN,
        }
    return {}


def make_run(**changes: Any) -> RunRecord:
    outcomes = tuple(
        outcome(
            producer=producer,
            consumer=consumer,
            case=case,
            mode=mode,
            **answer(producer, consumer, case, mode),
        )
        for producer in CELLS
        for consumer in CELLS
        for case in CASES
        for mode in (Mode.PLAIN, Mode.TRUSTED)
    )
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fields: dict[str, Any] = {
        "id": "2026-01-02T03-04-05",
        "matrix": "example",
        "status": "complete",
        "started": started,
        "ended": started + timedelta(seconds=75),
        "provider": "venv",
        "ckptmatrix": "0.1.0",
        "cells": tuple(
            CellRecord(id=cell, declared=cell, facts=facts(cell[2:6].strip("-"), "2"), trusted=True)
            for cell in CELLS
        ),
        "cases": CASES,
        "saves": tuple(
            SaveRecord(producer=cell, case=case, device="cpu", verdict=Verdict.OK)
            for cell in CELLS
            for case in CASES
        ),
        "outcomes": outcomes,
        "counts": Counts(jobs=9, saves=15, loads=len(outcomes)),
        "phases": {"prepare": 1.5, "save": 20.0, "load": 53.5},
    }
    return RunRecord(**(fields | changes))
