"""Evidence of diagnoses: rebuilt from a run's folder, and as what a fixture file holds of it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import (
    Call,
    Format,
    Global,
    Reading,
    Requirement,
    StorageEntry,
    TensorEntry,
)
from ckptmatrix.catalogue import CaseInfo, builtin_cases
from ckptmatrix.diagnose.evidence import Evidence
from ckptmatrix.judge.outcome import Difference, Judgement
from ckptmatrix.judge.raised import raised
from ckptmatrix.report.folder import read_run
from ckptmatrix.wire import ExceptionRecord, Facts
from ckptmatrix.words import Mode, Reason, Stage, Verdict
from stored import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from ckptmatrix.judge.outcome import Outcome

__all__ = ["evidence_from", "evidence_in", "noted", "undiagnosed", "wrongly_advised"]

_RAISED = re.compile(r"([A-Za-z_][\w.]{0,200})(?:: |\Z)")
#: Reasons whose message is a sentence of ours and not an exception's.
_NOT_RAISED = {Reason.CRASHED, Reason.TIMEOUT, Reason.OUTPUT_FLOOD}
_MESSAGE = 3_000


def evidence_in(folder: Path) -> Iterator[Evidence]:
    """What every diagnosis of a run rests on, as far as its folder and its store tell.

    Args:
        folder: Of a run whose cases are all ours.
    """
    run = read_run(folder)
    cases = {case.name: case for case in builtin_cases()}
    facts = {cell.id: cell.facts for cell in run.cells}
    outcomes: dict[tuple[str, ...], dict[Mode, Outcome]] = defaultdict(dict)
    for outcome in run.outcomes:
        outcomes[_place(outcome, outcome.case)][outcome.mode] = outcome
    readings: dict[str, Reading] = {}
    for save in run.saves:
        if save.verdict is Verdict.FAILED:
            judgement = Judgement(
                verdict=save.verdict, reason=save.reason, stage=Stage.SAVE, message=save.message
            )
            yield Evidence(
                judgement=judgement,
                case=cases[save.case],
                mode=None,
                device=save.device,
                producer=None,
                consumer=facts.get(save.producer),
                exception=_raised(judgement),
            )
    reports = folder.resolve().parent.parent
    for outcome in run.outcomes:
        if outcome.judgement.verdict not in {Verdict.FAILED, Verdict.CHANGED}:
            continue
        sha256 = outcome.checkpoint or ""
        if sha256 and sha256 not in readings:
            place = stored(reports, sha256)
            if place is not None:
                readings[sha256] = read_checkpoint(place)
        beside = outcomes[_place(outcome, outcome.case)]
        yield Evidence(
            judgement=outcome.judgement,
            case=cases[outcome.case],
            mode=outcome.mode,
            device=outcome.device,
            producer=facts.get(outcome.producer),
            consumer=facts.get(outcome.consumer),
            exception=_raised(outcome.judgement),
            warnings=outcome.warnings,
            reading=readings.get(sha256),
            modes={
                mode: other.judgement for mode, other in beside.items() if mode is not outcome.mode
            },
            variants={
                case.cure: {
                    mode: other.judgement
                    for mode, other in outcomes[_place(outcome, case.name)].items()
                }
                for case in cases.values()
                if case.variant_of == outcome.case and _place(outcome, case.name) in outcomes
            },
        )


def _place(outcome: Outcome, case: str) -> tuple[str, ...]:
    return outcome.producer, outcome.producer_device, outcome.consumer, outcome.device, case


def _raised(judgement: Judgement) -> ExceptionRecord | None:
    found = _RAISED.match(judgement.message)
    if (
        judgement.verdict is not Verdict.FAILED
        or judgement.reason in _NOT_RAISED
        or judgement.message.startswith(("killed by ", "ended by itself"))
        or found is None
    ):
        return None
    return ExceptionRecord(type=found[1], message=judgement.message[found.end() :])


def noted(evidence: Evidence) -> dict[str, Any]:
    """What a fixture holds of it: all that signatures look at, and no path of this machine."""
    judgement, raised = evidence.judgement, evidence.exception
    entry: dict[str, Any] = {
        "case": evidence.case.name,
        "case_format": evidence.case.format,
        "mode": evidence.mode.value if evidence.mode else None,
        "device": evidence.device,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason.value if judgement.reason else None,
        "stage": judgement.stage.value if judgement.stage else None,
        "entity": _anonymous(judgement.entity),
        "raised": {"type": raised.type, "message": _anonymous(raised.message[:_MESSAGE])}
        if raised
        else None,
        "message": _anonymous(judgement.message[:_MESSAGE]) if raised is None else None,
        "differences": [
            [each.path, each.what.value, _anonymous(each.before), _anonymous(each.after)]
            for each in judgement.differences[:6]
        ],
        "warnings": [_anonymous(each[:300]) for each in evidence.warnings[:3]],
        "producer": _versions(evidence.producer),
        "consumer": _versions(evidence.consumer),
        "modes": {mode.value: each.verdict.value for mode, each in evidence.modes.items()},
        "variants": {
            word: {mode.value: each.verdict.value for mode, each in modes.items()}
            for word, modes in evidence.variants.items()
        },
        "file": _file(evidence.reading),
    }
    return {key: value for key, value in entry.items() if value not in (None, [], {}, "")}


def _anonymous(text: str) -> str:
    """The text, whose absolute paths keep their last parts only."""
    text = re.sub(r"/[^\s'\"():]{1,300}?/(?=site-packages/|dist-packages/)", "/env/", text)
    return re.sub(
        r"/(?:root|tmp|home|work)/[^\s'\"():]{0,300}/(?=[^\s'\"():/]{1,80})", "/job/", text
    )


def _versions(facts: Facts | None) -> dict[str, str] | None:
    if facts is None:
        return None
    parts = {"torch": facts.torch, "python": facts.python, "numpy": facts.numpy}
    return {part: version for part, version in parts.items() if version}


def _file(reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    entry = {
        "format": reading.format.value,
        "bytes": reading.bytes,
        "note": reading.note,
        "defects": list(reading.defects[:5]),
        "protocol": reading.protocol,
        "byteorder": reading.byteorder,
        "root": reading.root,
        "keys": list(reading.keys[:6]),
        "globals": [each.dotted for each in reading.globals[:15]],
        "calls": [[each.dotted, each.arguments, *each.shape] for each in reading.calls[:6]],
        "dtypes": sorted({each.dtype for each in reading.storages}),
        "tensors": [
            [each.path, each.dtype, each.storage, *each.shape] for each in reading.tensors[:6]
        ],
        "requirements": [
            [each.of, each.at_least, each.below, each.evidence] for each in reading.requirements
        ],
    }
    return {key: value for key, value in entry.items() if value not in (None, [], "")}


def evidence_from(entry: dict[str, Any]) -> Evidence:
    """The evidence that a fixture holds."""
    told = entry.get("raised")
    message = entry.get("message") or (f"{told['type']}: {told['message']}" if told else "")
    return Evidence(
        judgement=Judgement(
            verdict=Verdict(entry["verdict"]),
            reason=Reason(entry["reason"]),
            stage=Stage(entry["stage"]) if "stage" in entry else None,
            message=message,
            entity=entry.get("entity", ""),
            differences=tuple(
                Difference(path=path, what=Reason(what), before=before, after=after)
                for path, what, before, after in entry.get("differences", ())
            ),
        ),
        case=CaseInfo(
            name=entry["case"],
            family="",
            title="",
            modes=(),
            format=entry.get("case_format", "pickle"),
        ),
        mode=Mode(entry["mode"]) if "mode" in entry else None,
        device=entry.get("device", "cpu"),
        producer=_facts(entry.get("producer")),
        consumer=_facts(entry.get("consumer")),
        exception=raised(ExceptionRecord(**told)) if told else None,
        warnings=tuple(entry.get("warnings", ())),
        reading=_reading(entry.get("file")),
        modes=_judgements(entry.get("modes", {})),
        variants={word: _judgements(modes) for word, modes in entry.get("variants", {}).items()},
    )


def _judgements(verdicts: dict[str, str]) -> dict[Mode, Judgement]:
    return {Mode(mode): Judgement(verdict=Verdict(word)) for mode, word in verdicts.items()}


def _facts(versions: dict[str, str] | None) -> Facts | None:
    if versions is None:
        return None
    return Facts(
        cell_program="1",
        implementation="CPython",
        executable="/env/bin/python",
        platform="Linux",
        machine="x86_64",
        byteorder="little",
        **{"python": "3.11.7", **versions},
    )


def _reading(entry: dict[str, Any] | None) -> Reading | None:
    if entry is None:
        return None
    return Reading(
        format=Format(entry["format"]),
        bytes=entry["bytes"],
        note=entry.get("note", ""),
        defects=tuple(entry.get("defects", ())),
        protocol=entry.get("protocol"),
        byteorder=entry.get("byteorder"),
        root=entry.get("root", ""),
        keys=tuple(entry.get("keys", ())),
        globals=tuple(
            Global(module=dotted.rpartition(".")[0], name=dotted.rpartition(".")[2])
            for dotted in entry.get("globals", ())
        ),
        calls=tuple(
            Call(dotted=dotted, arguments=arguments, shape=tuple(shape))
            for dotted, arguments, *shape in entry.get("calls", ())
        ),
        storages=tuple(
            StorageEntry(key=str(number), dtype=dtype, device="cpu", bytes=0, present=0)
            for number, dtype in enumerate(entry.get("dtypes", ()))
        ),
        tensors=tuple(
            TensorEntry(path=path, dtype=dtype, storage=storage, shape=tuple(shape))
            for path, dtype, storage, *shape in entry.get("tensors", ())
        ),
        requirements=tuple(
            Requirement(of=of, at_least=at_least, below=below, evidence=evidence)
            for of, at_least, below, evidence in entry.get("requirements", ())
        ),
    )


def undiagnosed(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """What failed or changed without a known cause, once for all places where it says the same."""
    wrong = frame[frame.verdict.isin(["failed", "changed"]) & frame.diagnosis.isna()]
    said = ["case", "verdict", "reason", "stage", "message"]
    return sorted({tuple(str(row[column])[:300] for column in said) for _, row in wrong.iterrows()})


def wrongly_advised(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Cures by a mode that are said to work and did not, or are advised and were seen not to."""
    place = ["producer", "producer_device", "consumer", "device", "case"]
    verdicts = {
        (*key, mode): verdict
        for *key, mode, verdict in frame[[*place, "mode", "verdict"]].astype(str).to_numpy()
    }
    wrong = []
    for *key, text in frame[frame.diagnosis.notna()][[*place, "cures"]].astype(str).to_numpy():
        for cure in json.loads(text):
            verdict = verdicts.get((*key, cure["by"]))
            if verdict is not None and cure["verified"] != (verdict == "ok"):
                partly = verdict == "changed" and cure["by"] == Mode.PARTIAL
                if cure["verified"] or not (partly or verdict == "error"):
                    wrong.append((*key, cure["by"], verdict, cure["text"]))
    return wrong
