from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.judge import absent
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.catalogue import CaseInfo


def test_what_did_not_run_is_an_error() -> None:
    judgement = absent.did_not_run()
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, Reason.DID_NOT_RUN)
    assert not judgement.as_expected
    assert judgement == absent.did_not_run()


def test_a_device_a_cell_does_not_have() -> None:
    judgement = absent.no_device("cuda:0")
    assert (judgement.verdict, judgement.entity) == (Verdict.UNSUPPORTED, "cuda:0")
    assert judgement.as_expected


@pytest.mark.parametrize(
    ("verdict", "reason", "blamed", "expected"),
    [
        (Verdict.UNSUPPORTED, Reason.NO_WHEEL, Reason.PRODUCER_UNSUPPORTED, True),
        (Verdict.ERROR, Reason.INSTALL_FAILED, Reason.PRODUCER_ERROR, False),
    ],
)
def test_cells_that_cannot_be_used(
    verdict: Verdict, reason: Reason, blamed: Reason, *, expected: bool
) -> None:
    consumer = absent.consumer_unusable(verdict, reason, "why")
    assert (consumer.verdict, consumer.reason, consumer.message) == (verdict, reason, "why")
    producer = absent.producer_unusable(verdict, "why")
    assert (producer.verdict, producer.reason) == (Verdict.ABORTED, blamed)
    assert consumer.as_expected is producer.as_expected is expected


def test_a_failed_save_is_expected_by_the_case_that_names_its_reason(
    make_case: Callable[..., CaseInfo],
) -> None:
    for expect, expected in (
        ({}, False),
        ({"verdict": "failed", "reasons": ["file_corrupt"]}, False),
        ({"verdict": "failed", "reasons": ["save_error"]}, True),
    ):
        judgement = absent.save_failed(make_case(expect=expect), Reason.SAVE_ERROR, "no")
        assert (judgement.verdict, judgement.reason) == (Verdict.ABORTED, Reason.SAVE_FAILED)
        assert judgement.as_expected is expected
