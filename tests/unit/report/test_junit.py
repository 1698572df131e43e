from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from ckptmatrix.judge.outcome import Cure, Diagnosis
from ckptmatrix.report.junit import render_junit
from ckptmatrix.report.squares import applies, counted
from ckptmatrix.words import Reason, Verdict
from diff_runs import edited

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

HOSTILE = "]]> </failure> <script>alert(1)</script> & \x00\x1b[31m \ud800 \ufffe \u202e"


def parsed(run: RunRecord) -> ET.Element:
    return ET.fromstring(render_junit(run))  # noqa: S314 - our own document is what is tested


def test_one_suite_a_consumer_and_one_test_a_load_that_counts(run: RunRecord) -> None:
    root = parsed(run)
    counts = counted(run.outcomes)
    assert [suite.get("name") for suite in root] == [cell.id for cell in run.cells]
    assert len(root.findall(".//testcase")) == len(counts) == int(root.get("tests", ""))
    for suite in root:
        own = [o for o in counts if o.consumer == suite.get("name")]
        wrong = [o for o in own if applies(o) and not o.judgement.as_expected]
        assert int(suite.get("failures", "")) == len(wrong) == len(suite.findall(".//failure"))
        assert int(suite.get("tests", "")) == len(own)
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


def test_a_failure_says_why_and_what_to_do(run: RunRecord) -> None:
    diagnosis = Diagnosis(
        signature="x",
        cause="NumPy 2 wrote it",
        cures=(Cure(where="save", text="save Python numbers"),),
        reference="numpy#24906",
        versions="saved with torch 2.6.0",
    )
    told = replace(run, outcomes=tuple(replace(o, diagnosis=diagnosis) for o in run.outcomes))
    failure = next(
        each for each in parsed(told).iter("failure") if each.get("type") == "missing_module"
    )
    assert failure.text == (
        "No module named 'numpy._core'\nwhy: NumPy 2 wrote it\ndo: save Python numbers\n"
        "see: numpy#24906\nsaved with torch 2.6.0"
    )
    assert failure.get("message") == "failed: missing_module No module named 'numpy._core'"


def test_errors_and_what_is_skipped_are_told_apart(run: RunRecord) -> None:
    error = {"verdict": Verdict.ERROR, "reason": Reason.CELL_LOST, "as_expected": False}
    head = edited(
        run,
        (lambda outcome: outcome.case == "tensor_plain", error),
        # Its producer cannot make it: nobody's fault.
        (lambda outcome: outcome.judgement.verdict is Verdict.ABORTED, {"as_expected": True}),
    )
    root = parsed(head)
    errors = [o for o in counted(head.outcomes) if o.judgement.verdict is Verdict.ERROR]
    skipped = [o for o in counted(head.outcomes) if o.judgement.verdict is Verdict.ABORTED]
    assert len(root.findall(".//error")) == len(errors) == int(root.get("errors", ""))
    assert len(root.findall(".//skipped")) == len(skipped)
    failed = {"verdict": Verdict.ABORTED, "reason": Reason.SAVE_FAILED, "as_expected": False}
    saves = edited(run, (lambda outcome: outcome.case == "tensor_plain", failed))
    assert int(parsed(saves).get("errors", "")) >= 18


@pytest.mark.parametrize("field", ["message", "entity"])
def test_what_a_cell_says_stays_text(run: RunRecord, field: str) -> None:
    head = edited(run, (lambda outcome: outcome.case == "numpy_scalar", {field: HOSTILE}))
    text = render_junit(head)
    assert "<script>" not in text
    assert "\x00" not in text
    text.encode()
    root = ET.fromstring(text)  # noqa: S314 - as above
    assert {each.tag for each in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "failure", "skipped")
    }
