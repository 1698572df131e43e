from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import Format, Global, Reading, Requirement
from ckptmatrix.diagnose.remedies import Remedy, cures_of
from ckptmatrix.diagnose.sentence import Words
from ckptmatrix.judge.outcome import Cure, Judgement
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.diagnose.evidence import Evidence

MAPPED = Remedy(where="load", text="load with map_location", by="mapped")
LEGACY = Remedy(where="save", text="save in the legacy format", by="legacy_format")
PLAIN = Remedy(where="save", text="save {entity} otherwise")
ALLOWED = Remedy(where="load", text="allow {entity}", by="allowlisted")
TRUSTED = Remedy(where="load", text="trust the file", by="trusted")


def judged(verdict: Verdict) -> Judgement:
    return Judgement(verdict=verdict)


def failed(reason: Reason) -> Judgement:
    return Judgement(verdict=Verdict.FAILED, reason=reason)


def with_torch(known: Evidence, torch: str) -> Evidence:
    """The same, loaded by another release."""
    assert known.consumer is not None
    return replace(known, consumer=known.consumer.model_copy(update={"torch": torch}))


def cures(known: Evidence, *remedies: Remedy) -> tuple[Cure, ...]:
    return cures_of(remedies, known, Words.of(known, {}))


def test_what_nobody_tried_is_advice_that_is_not_verified(
    evidence: Callable[..., Evidence],
) -> None:
    assert cures(evidence(), PLAIN, MAPPED, LEGACY) == (
        Cure(where="save", text="save mine.Net otherwise"),
        Cure(where="load", text="load with map_location", by="mapped"),
        Cure(where="save", text="save in the legacy format", by="legacy_format"),
    )


def test_what_was_seen_to_work_comes_first(evidence: Callable[..., Evidence]) -> None:
    known = evidence(
        modes={Mode.MAPPED: judged(Verdict.OK)},
        variants={"legacy_format": {Mode.PLAIN: judged(Verdict.OK)}},
    )
    found = cures(known, PLAIN, MAPPED, LEGACY)
    assert [(cure.by, cure.verified) for cure in found] == [
        ("mapped", True),
        ("legacy_format", True),
        ("", False),
    ]


@pytest.mark.parametrize(
    "verdict", [Verdict.FAILED, Verdict.CHANGED, Verdict.UNSUPPORTED, Verdict.ABORTED]
)
def test_what_was_seen_not_to_work_is_no_advice(
    evidence: Callable[..., Evidence], verdict: Verdict
) -> None:
    known = evidence(
        modes={Mode.MAPPED: judged(verdict)},
        variants={"legacy_format": {Mode.PLAIN: judged(verdict)}},
    )
    assert cures(known, MAPPED, LEGACY) == ()


def test_an_error_of_ours_says_nothing_about_a_cure(evidence: Callable[..., Evidence]) -> None:
    known = evidence(
        modes={Mode.MAPPED: judged(Verdict.ERROR)},
        variants={"legacy_format": {Mode.PLAIN: judged(Verdict.ERROR)}},
    )
    assert [cure.verified for cure in cures(known, MAPPED, LEGACY)] == [False, False]


def test_what_failed_is_not_its_own_cure(evidence: Callable[..., Evidence]) -> None:
    assert cures(evidence(mode=Mode.MAPPED), MAPPED) == ()


def test_a_variant_counts_in_the_same_mode_first(evidence: Callable[..., Evidence]) -> None:
    both = {Mode.PLAIN: judged(Verdict.FAILED), Mode.TRUSTED: judged(Verdict.OK)}
    assert cures(evidence(variants={"legacy_format": both}), LEGACY) == ()
    trusted = evidence(mode=Mode.TRUSTED, variants={"legacy_format": both})
    assert [cure.verified for cure in cures(trusted, LEGACY)] == [True]
    only_mmap = evidence(mode=Mode.MMAP, variants={"legacy_format": both})
    assert [cure.verified for cure in cures(only_mmap, LEGACY)] == [True]


def test_loading_a_part_is_advice_but_never_verified(evidence: Callable[..., Evidence]) -> None:
    partial = Remedy(where="load", text="strict=False", by="partial", partly=True)
    known = evidence(modes={Mode.PARTIAL: judged(Verdict.CHANGED)})
    assert [cure.verified for cure in cures(known, partial)] == [False]
    assert cures(evidence(modes={Mode.PARTIAL: judged(Verdict.FAILED)}), partial) == ()


def test_the_file_itself_says_which_version_it_needs(evidence: Callable[..., Evidence]) -> None:
    newer = Remedy(where="version", text="load with something newer", needs="torch")
    reading = Reading(
        format=Format.ZIP,
        bytes=1,
        requirements=(
            Requirement(of="torch", at_least="2.1", evidence="it has a float8 tensor"),
            Requirement(of="torch", at_least="1.6", evidence="it is a zip file"),
            Requirement(of="torch", below="1.9", evidence="it has a class that is gone"),
            Requirement(of="numpy", at_least="2.0", evidence="it has a scalar of NumPy 2"),
        ),
    )
    (cure,) = cures(evidence(reading=reading), newer)
    assert cure.text == ("load with torch 2.1 or newer and older than 1.9: it has a float8 tensor")
    (cure,) = cures(evidence(), newer)
    assert cure.text == "load with something newer"


def test_a_version_that_the_consumer_has_is_not_asked_for(
    evidence: Callable[..., Evidence],
) -> None:
    newer = Remedy(where="version", text="load with something newer", needs="torch")
    reading = Reading(
        format=Format.ZIP,
        bytes=1,
        requirements=(Requirement(of="torch", at_least="1.6", evidence="it is a zip file"),),
    )
    (cure,) = cures(evidence(reading=reading), newer)
    assert cure.text == "load with something newer"


@pytest.mark.parametrize("torch", ["2.6.0", "2.14.1+debian"])
def test_names_are_allowed_where_torch_tells_which(
    evidence: Callable[..., Evidence], torch: str
) -> None:
    assert cures(with_torch(evidence(), torch), ALLOWED) != ()


@pytest.mark.parametrize("torch", ["1.13.0a0", "2.4.1+cu121"])
def test_names_are_not_allowed_where_torch_cannot_tell_which(
    evidence: Callable[..., Evidence], torch: str
) -> None:
    assert cures(with_torch(evidence(), torch), ALLOWED) == ()


def test_names_may_be_allowed_where_nobody_knows_the_release(
    evidence: Callable[..., Evidence],
) -> None:
    assert cures(evidence(consumer=None), ALLOWED) != ()


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.CHANGED, Verdict.UNSUPPORTED])
def test_allowing_names_does_no_more_than_trust(
    evidence: Callable[..., Evidence], verdict: Verdict
) -> None:
    known = with_torch(evidence(modes={Mode.TRUSTED: judged(verdict)}), "2.6.0")
    assert cures(known, ALLOWED) == ()
    assert cures(with_torch(evidence(mode=Mode.TRUSTED), "2.6.0"), ALLOWED) == ()
    for other in (Verdict.OK, Verdict.ERROR):
        known = with_torch(evidence(modes={Mode.TRUSTED: judged(other)}), "2.6.0")
        assert [cure.verified for cure in cures(known, ALLOWED)] == [False]


@pytest.mark.parametrize(
    ("reason", "advised"),
    [
        (Reason.OUT_OF_MEMORY, []),
        (Reason.FILE_CORRUPT, []),
        (Reason.SOURCE_MISSING, []),
        (Reason.SOURCE_UNREADABLE, []),
        (Reason.WEIGHTS_ONLY_REFUSED, ["trusted"]),
        (Reason.DEVICE_UNAVAILABLE, ["mapped", "trusted"]),
        (Reason.DEVICE_INDEX, ["mapped", "trusted"]),
    ],
)
def test_a_mode_that_was_not_tried_is_no_cure_for_what_fails_anyway(
    evidence: Callable[..., Evidence], reason: Reason, advised: list[str]
) -> None:
    known = evidence(mode=Mode.MMAP, modes={Mode.PLAIN: failed(reason)})
    assert [cure.by for cure in cures(known, MAPPED, TRUSTED)] == advised


def test_a_mode_that_was_tried_counts_for_itself(evidence: Callable[..., Evidence]) -> None:
    modes = {Mode.PLAIN: failed(Reason.OUT_OF_MEMORY), Mode.MAPPED: judged(Verdict.OK)}
    found = cures(evidence(mode=Mode.MMAP, modes=modes), MAPPED)
    assert [cure.verified for cure in found] == [True]


NEWER = Remedy(where="version", needs="weights_only", text="load with a newer torch")


def naming(*names: str, requirements: tuple[Requirement, ...] = ()) -> Reading:
    parts = [name.rpartition(".") for name in names]
    named = tuple(Global(module=module, name=name) for module, _, name in parts)
    return Reading(format=Format.ZIP, bytes=1, globals=named, requirements=requirements)


@pytest.mark.parametrize(
    ("torch", "names", "since"),
    [
        ("2.2.2", ["collections.Counter"], "2.4"),
        ("2.2.2", ["collections.Counter", "__builtin__.set"], "2.6"),
        ("2.2.2", ["torch._utils._rebuild_tensor_v3", "torch.uint16"], "2.6"),
        ("2.4.1", ["torch.uint16"], "2.6"),
        ("2.2.2", ["collections.Counter", "argparse.Namespace"], ""),
        ("2.1.0", ["torch._utils._rebuild_nested_tensor"], ""),
    ],
)
def test_the_torch_to_load_with_allows_all_the_file_names(
    evidence: Callable[..., Evidence], torch: str, names: list[str], since: str
) -> None:
    known = with_torch(evidence(reading=naming(*names)), torch)
    said = f"load with torch {since} or newer, which allows all that it names"
    assert [cure.text for cure in cures(known, NEWER)] == ([said] if since else [])


def test_the_torch_that_allows_it_can_also_read_it(evidence: Callable[..., Evidence]) -> None:
    asks = Requirement(of="torch", at_least="2.7", evidence="it says so")
    known = with_torch(evidence(reading=naming("torch.uint16", requirements=(asks,))), "2.2.2")
    assert [cure.text for cure in cures(known, NEWER)] == [
        "load with torch 2.7 or newer, which allows all that it names"
    ]
    ends = Requirement(of="torch", below="2.0", evidence="it is gone")
    known = with_torch(evidence(reading=naming("torch.uint16", requirements=(ends,))), "1.13.1")
    assert cures(known, NEWER) == ()


def test_of_a_file_nobody_read_the_version_is_what_the_signature_says(
    evidence: Callable[..., Evidence],
) -> None:
    assert [cure.text for cure in cures(evidence(reading=None), NEWER)] == [NEWER.text]
