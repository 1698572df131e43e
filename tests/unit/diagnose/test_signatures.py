"""The signatures as data: each with a real message, a source, and cures that somebody can try."""

from __future__ import annotations

import re
import string
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckptmatrix.catalogue import builtin_cases
from ckptmatrix.diagnose.diagnose import diagnose
from ckptmatrix.diagnose.knowledge import THEMES, known_signatures
from ckptmatrix.diagnose.sentence import NAMES
from ckptmatrix.diagnose.signature import Signature
from ckptmatrix.words import Mode, Reason
from diagnosed import evidence_from

MESSAGES = Path(__file__).parent / "messages"
CURES = {case.cure for case in builtin_cases() if case.cure}
SIGNATURES = {signature.name: signature for signature in known_signatures()}
FIXTURES: list[dict[str, Any]] = [
    entry
    for file in sorted(MESSAGES.glob("*.yaml"))
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
]


def _name(entry: dict[str, Any] | Signature) -> str:
    return entry.name if isinstance(entry, Signature) else str(entry["signature"])


def _patterns(signature: Signature) -> list[re.Pattern[str]]:
    conditions = signature.conditions
    leaves = (
        conditions.difference,
        conditions.only_difference,
        conditions.any_difference,
        conditions.every_difference,
    )
    found = [
        signature.type,
        signature.message,
        conditions.device,
        conditions.warning,
        *conditions.file.values(),
        *(
            pattern
            for leaf in leaves
            if leaf is not None
            for pattern in (leaf.path, leaf.before, leaf.after)
        ),
    ]
    return [pattern for pattern in found if pattern is not None]


def test_there_are_enough_and_each_has_its_own_name() -> None:
    assert len(SIGNATURES) == len(known_signatures()) >= 70


def test_every_file_of_signatures_is_read() -> None:
    folder = Path(diagnose.__code__.co_filename).parent / "signatures"
    assert sorted(THEMES) == sorted(file.stem for file in folder.glob("*.yaml"))


@pytest.mark.parametrize("entry", FIXTURES, ids=_name)
def test_a_real_message_gets_its_signature(entry: dict[str, Any]) -> None:
    diagnosis = diagnose(evidence_from(entry))
    assert diagnosis.signature == entry["signature"]
    assert entry["names"] in diagnosis.cause
    assert "{" not in diagnosis.cause + "".join(cure.text for cure in diagnosis.cures) or (
        "{" in str(entry)
    )


@pytest.mark.parametrize("entry", FIXTURES, ids=_name)
def test_an_earlier_signature_says_which_it_wins_over(entry: dict[str, Any]) -> None:
    evidence = evidence_from(entry)
    first, *rest = [each for each in known_signatures() if each.match(evidence) is not None]
    assert {each.name for each in rest} <= first.wins_over


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_it_has_a_real_message(signature: Signature) -> None:
    assert any(entry["signature"] == signature.name for entry in FIXTURES)


def test_most_were_seen_in_a_cell_and_not_only_told_in_public() -> None:
    seen = {entry["signature"] for entry in FIXTURES if entry["case"] != "other"}
    assert len(seen) >= 0.85 * len(known_signatures())


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_what_it_wins_over_comes_after_it(signature: Signature) -> None:
    names = list(SIGNATURES)
    assert signature.wins_over <= set(names[names.index(signature.name) + 1 :])


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_it_is_about_something(signature: Signature) -> None:
    """No entry matches whatever its reason gives: that would be a catch-all."""
    conditions = signature.conditions
    # A pattern that any text meets, such as that of a leaf's path, names what it finds and no more.
    selective = [pattern for pattern in _patterns(signature) if not pattern.search("\N{SNOWMAN}")]
    facts = (
        *(conditions.format, conditions.producer, conditions.consumer, conditions.producer_is),
        *(conditions.swapped, conditions.byteswapped, conditions.shared_storage),
        *(conditions.leaf_in_file, conditions.file_dtype, conditions.mode),
        # The reason is the cause.
        signature.reasons if signature.reasons == {Reason.OUT_OF_MEMORY} else None,
    )
    assert selective or any(fact not in (None, frozenset(), {}) for fact in facts)
    fields = {field for _, field, _, _ in string.Formatter().parse(signature.cause) if field}
    assert fields, "its cause names nothing"


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_its_source_is_public(signature: Signature) -> None:
    issue = r"(?:[\w.-]+/)?[\w.-]+#\d+"
    words = (
        r"release notes|documentation|Documentation|What's New|source of|PEP \d+|tutorials|APPNOTE"
    )
    assert re.fullmatch(issue, signature.reference) or re.search(words, signature.reference)


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_its_templates_can_be_filled(signature: Signature) -> None:
    known = {*NAMES, *(name for pattern in _patterns(signature) for name in pattern.groupindex)}
    sides = {f"{side}.{part}" for side in ("producer", "consumer") for part in SIDE}
    texts = [signature.cause, signature.entity, *(each.text for each in signature.remedies)]
    for text in texts:
        used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
        assert used <= known | sides, text


SIDE = ("torch", "numpy", "python")


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_its_cures_can_be_tried(signature: Signature) -> None:
    tried = CURES | {str(mode) for mode in Mode}
    assert {remedy.by for remedy in signature.remedies if remedy.by} <= tried
    assert all(remedy.where in {"save", "load", "version"} for remedy in signature.remedies)


def _unbounded(pattern: str) -> list[str]:
    """Quantifiers without an upper bound, outside of classes of characters."""
    bare = re.sub(r"\\.", "x", pattern)
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare)
    return re.findall(r"[*+]|\{\d+,\}", bare)


@pytest.mark.parametrize("signature", known_signatures(), ids=_name)
def test_its_patterns_are_bounded(signature: Signature) -> None:
    assert [each.pattern for each in _patterns(signature) if _unbounded(each.pattern)] == []


@pytest.mark.parametrize("text", ["a+", "(?:x*)y", "[ab]{3,}"])
def test_an_unbounded_pattern_is_noticed(text: str) -> None:
    assert _unbounded(text)


@pytest.mark.parametrize("entry", FIXTURES, ids=_name)
def test_a_hostile_message_takes_no_longer(entry: dict[str, Any]) -> None:
    """Its own words over and over, up to what an exception may say."""
    evidence = evidence_from(entry)
    if evidence.exception is None:
        return
    words = evidence.exception.message or "x"
    began = time.perf_counter()
    for piece in (words, words[: len(words) // 2 + 1], words[:40]):
        hostile = (piece * (20_000 // len(piece) + 1))[:20_000]
        raised = evidence.exception.model_copy(update={"message": hostile})
        diagnose(replace(evidence, exception=raised))
    # A tenth of a second on an idle machine; generous for a busy one.
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("file", sorted(MESSAGES.glob("*.yaml")), ids=lambda file: file.stem)
def test_fixtures_name_no_folder_of_the_machine_they_are_from(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"(?:/root|/tmp|/home(?!/user)|\.cache)/\S{0,80}", text) == []
