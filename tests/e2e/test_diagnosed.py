"""Every failure and every change of the default matrix has a known cause, and advice that holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from diagnosed import undiagnosed, wrongly_advised

if TYPE_CHECKING:
    import pandas as pd

    from ckptmatrix.report.frames import RunFrames


def test_no_load_is_undiagnosed(default_frame: pd.DataFrame) -> None:
    assert undiagnosed(default_frame) == []


def test_no_failed_save_is_undiagnosed(default_tables: RunFrames) -> None:
    failed = [save for save in default_tables.run.saves if save.verdict == "failed"]
    unknown = [
        (save.producer, save.case, save.message[:300])
        for save in failed
        if save.diagnosis is None or not save.diagnosis.is_known
    ]
    assert failed
    assert unknown == []


def test_what_is_said_to_work_did_and_what_did_not_is_not_advised(
    default_frame: pd.DataFrame,
) -> None:
    assert wrongly_advised(default_frame) == []


def test_advice_is_often_seen_to_work(default_frame: pd.DataFrame) -> None:
    told = default_frame[default_frame.diagnosis.notna()]
    verified = told.cures.map(lambda cures: any(cure["verified"] for cure in json.loads(cures)))
    assert verified.sum() > 500
