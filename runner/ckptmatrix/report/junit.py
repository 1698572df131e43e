"""A run as JUnit XML, which CI systems show: one suite a consumer, one test a load.

Suites, tests, failures, errors and what is skipped, as CI systems read them. A test's class is
consumer, producer and family, for some readers know a test by its class and name alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ckptmatrix.report.squares import applies, counted
from ckptmatrix.report.text import plain
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord

__all__ = ["render_junit"]

#: What XML 1.0 has no place for, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 2_000


def render_junit(run: RunRecord) -> str:
    """The document.

    A load that is not as its case expects is a *failure*; one that could not be measured, or whose
    save failed, an *error*; one with nothing to load is *skipped*. Loads that count in no table
    (remedies, mistakes answered alike everywhere) are left out.

    Args:
        run: A run that has ended.
    """
    by_consumer: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in counted(run.outcomes):
        by_consumer[outcome.consumer].append(outcome)
    root = ET.Element("testsuites", name=_text(f"ckptmatrix {run.matrix}"))
    totals = [0, 0, 0]
    for cell in run.cells:
        if outcomes := by_consumer.get(cell.id):
            suite, numbers = _suite(run, cell.id, outcomes)
            root.append(suite)
            totals = [total + number for total, number in zip(totals, numbers, strict=False)]
    for name, total in zip(("tests", "failures", "errors"), totals, strict=True):
        root.set(name, str(total))
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(
    run: RunRecord, consumer: str, outcomes: Sequence[Outcome]
) -> tuple[ET.Element, tuple[int, int, int, int]]:
    suite = ET.Element("testsuite", name=_text(consumer))
    failures = errors = skipped = 0
    for outcome in outcomes:
        test = ET.SubElement(
            suite,
            "testcase",
            classname=_text(f"{consumer}.{outcome.producer}.{outcome.family}"),
            name=_text(
                f"{outcome.case}[{outcome.mode},{outcome.producer_device},{outcome.device}]"
            ),
            time=f"{outcome.seconds:.3f}",
        )
        verdict = outcome.judgement.verdict
        if applies(outcome):
            if not outcome.judgement.as_expected:
                failures += 1
                _told(test, "failure", outcome)
        elif verdict is Verdict.ERROR or (
            verdict is Verdict.ABORTED and not outcome.judgement.as_expected
        ):
            errors += 1
            _told(test, "error", outcome)
        else:
            skipped += 1
            ET.SubElement(test, "skipped", message=_said(outcome))
    numbers = (len(outcomes), failures, errors, skipped)
    for name, number in zip(("tests", "failures", "errors", "skipped"), numbers, strict=True):
        suite.set(name, str(number))
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")
    suite.set("timestamp", run.started.isoformat(timespec="seconds"))
    return suite, numbers


def _told(test: ET.Element, tag: str, outcome: Outcome) -> None:
    judgement = outcome.judgement
    kind = str(judgement.reason or judgement.verdict)
    found = ET.SubElement(test, tag, type=_text(kind), message=_said(outcome))
    diagnosis = outcome.diagnosis
    lines = [plain(judgement.message, _LONGEST)]
    if diagnosis is not None:
        lines.append(f"why: {plain(diagnosis.cause, _LONGEST)}")
        lines += [f"do: {plain(cure.text, _LONGEST)}" for cure in diagnosis.cures]
        lines += [f"see: {plain(diagnosis.reference)}"] if diagnosis.reference else []
        lines += [plain(diagnosis.versions)] if diagnosis.versions else []
    found.text = _text("\n".join(line for line in lines if line))


def _said(outcome: Outcome) -> str:
    judgement = outcome.judgement
    return _text(plain(f"{judgement.verdict}: {judgement.reason or ''} {judgement.message}", 300))


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
