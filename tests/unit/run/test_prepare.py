from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.words import Reason, Verdict
from fakes import Behaviour, FakeProvider
from scenario import a_cell, some_cells

if TYPE_CHECKING:
    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.base import Environment
    from scenario import Scenario

GOOD, BAD = some_cells(2)


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        (
            Behaviour(refuses=CellError(Reason.PYTHON_NOT_FOUND, "there is none", "tail")),
            "python_not_found",
            "there is none",
        ),
        (Behaviour(facts={"torch": "1.0.0"}), "environment_mismatch", "torch is 1.0.0, not 2.2.0"),
        (Behaviour(facts={"python": "2.7.1"}), "environment_mismatch", "Python is 2.7.1"),
        (
            Behaviour(facts={"torch": None, "torch_error": "Traceback\nImportError: libgomp"}),
            "import_failed",
            "ImportError: libgomp",
        ),
        (Behaviour(says=b"Welcome to the cell!"), "cell_misbehaved", "Welcome to the cell"),
        (Behaviour(facts={"cpu_count": -1}), "cell_misbehaved", "hello"),
    ],
)
def test_a_cell_that_cannot_be_used_says_why_and_the_others_complete(
    scenario: Scenario, behaviour: Behaviour, reason: str, words: str
) -> None:
    ran = scenario.run([GOOD, BAD], provider=FakeProvider({BAD.id: behaviour}))
    record = ran.cell(BAD)
    assert (record.verdict, record.reason) == (Verdict.ERROR, reason)
    assert words in record.message
    assert f"{BAD.id}: error: {reason}: " in ran.said
    assert ran.words(producer=GOOD.id, consumer=GOOD.id) == {("ok", None)}
    assert ran.words(producer=BAD.id, consumer=GOOD.id) == {("aborted", "producer_error")}
    assert ran.words(consumer=BAD.id) == {("error", reason)}
    assert ran.finished.record.status == "complete"


def test_the_tool_that_failed_has_its_last_lines_kept(scenario: Scenario) -> None:
    refusal = CellError(Reason.INSTALL_FAILED, "no", "line 1\nline 2")
    ran = scenario.run([BAD], provider=FakeProvider({BAD.id: Behaviour(refuses=refusal)}))
    assert ran.cell(BAD).log_tail == "line 1\nline 2"


def test_a_cell_that_cannot_exist_is_unsupported_and_never_prepared(scenario: Scenario) -> None:
    ran = scenario.run(
        [GOOD, BAD], why_no_wheel=lambda cell: "no such wheel" if cell == BAD else None
    )
    record = ran.cell(BAD)
    assert (record.verdict, record.reason) == (Verdict.UNSUPPORTED, Reason.NO_WHEEL)
    assert ran.provider.prepared == [GOOD.id]
    assert ran.words(consumer=BAD.id) == {("unsupported", "no_wheel")}
    assert ran.words(producer=BAD.id, consumer=GOOD.id) == {("aborted", "producer_unsupported")}
    assert all(judgement.as_expected for judgement in ran.judged(producer=BAD.id))


def test_a_program_that_dies_while_asked_is_lost(scenario: Scenario) -> None:
    def dead(side: Any) -> Any:
        side.complain("Illegal instruction")
        yield 0.0
        return -4

    ran = scenario.run([GOOD], provider=FakeProvider(program=dead))
    assert ran.cell(GOOD).reason is Reason.CELL_LOST
    assert "exit code -4" in ran.cell(GOOD).message
    assert "Illegal instruction" in ran.cell(GOOD).message


def test_a_fallback_carries_its_own_id(scenario: Scenario) -> None:
    asked = a_cell(3, cuda="12.4")
    fallback = asked.with_cuda("default")
    provider = FakeProvider({asked.id: Behaviour(turns_out=fallback, facts={"torch_cuda": "12.1"})})
    ran = scenario.run([asked], provider=provider)
    assert ran.cell(asked).id == fallback.id != asked.id
    assert {outcome.consumer for outcome in ran.finished.record.outcomes} == {fallback.id}
    assert "it turned out to be another" in ran.said


def _turned(asked: Cell, other: Cell) -> dict[str, Behaviour]:
    return {asked.id: Behaviour(turns_out=other, facts={"torch_cuda": None})}


@pytest.mark.parametrize("fallback_first", [True, False])
def test_a_declared_cell_keeps_its_id_against_a_fallback(
    scenario: Scenario, *, fallback_first: bool
) -> None:
    declared, asked = a_cell(3), a_cell(3, cuda="12.4")
    scenario.slots = 1  # One after the other, so that the first in the list is ready first.
    cells = [asked, declared] if fallback_first else [declared, asked]
    ran = scenario.run(cells, provider=FakeProvider(_turned(asked, declared)))
    assert ran.cell(declared).verdict is Verdict.OK
    refused = ran.cell(asked)
    assert (refused.id, refused.reason) == (asked.id, Reason.ENVIRONMENT_MISMATCH)
    assert f"turned out to be {declared.id}" in refused.message
    assert ran.words(consumer=declared.id, producer=declared.id) == {("ok", None)}
    pairs = [
        (o.producer, o.consumer, o.case, o.mode, o.device) for o in ran.finished.record.outcomes
    ]
    assert len(pairs) == len(set(pairs))


def test_of_two_fallbacks_to_the_same_build_the_first_of_the_matrix_stays(
    scenario: Scenario,
) -> None:
    first, second = a_cell(3, cuda="11.8"), a_cell(3, cuda="12.4")
    other = replace(a_cell(3), id="py3.3-torch2.3.0-default", cuda="default")
    ran = scenario.run(
        [first, second], provider=FakeProvider({**_turned(first, other), **_turned(second, other)})
    )
    assert (ran.cell(first).id, ran.cell(first).verdict) == (other.id, Verdict.OK)
    assert ran.cell(second).reason is Reason.ENVIRONMENT_MISMATCH


def test_what_a_cell_is_is_asked_once(scenario: Scenario) -> None:
    assert scenario.run([GOOD]).jobs["probe"] == 1
    assert scenario.run([GOOD]).jobs["probe"] == 0
    assert scenario.run([GOOD], fresh=True).jobs["probe"] == 1
    assert scenario.run([GOOD], observer="1" * 64).jobs["probe"] == 1


def test_another_host_asks_anew(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario.run([GOOD])
    monkeypatch.setattr("platform.platform", lambda: "Linux-another-libc")
    assert scenario.run([GOOD]).jobs["probe"] == 1


def test_a_refused_cell_is_asked_again_next_time(scenario: Scenario) -> None:
    wrong = FakeProvider({GOOD.id: Behaviour(facts={"torch": "1.0.0"})})
    assert scenario.run([GOOD], provider=wrong).cell(GOOD).verdict is Verdict.ERROR
    assert scenario.run([GOOD]).cell(GOOD).verdict is Verdict.OK


def test_a_device_that_was_missing_is_looked_for_again(scenario: Scenario) -> None:
    cell = a_cell(3, cuda="12.4")
    missing = {"device_error": "no driver\nmore"}
    without = scenario.run(
        [cell],
        devices=["cuda:0"],
        provider=FakeProvider({cell.id: Behaviour(facts=missing)}),
    )
    assert without.words() == {("error", "host_unsupported")}
    assert "this host has no cuda:0: no driver" in without.judged()[0].message
    mended = FakeProvider({cell.id: Behaviour(facts={"gpus": ["Card"]})})
    assert scenario.run([cell], devices=["cuda:0"], provider=mended).words() == {("ok", None)}


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (errno.EACCES, Reason.INSTALL_FAILED, "permission denied; give this user write"),
        (errno.ENOSPC, Reason.HOST_FULL, "no space left on device; the disk is full"),
    ],
)
def test_what_the_system_refuses_one_cell_does_not_stop_the_others(
    scenario: Scenario, code: int, reason: Reason, words: str
) -> None:
    bad, good = some_cells(2)

    class Refused(FakeProvider):
        def prepare(self, cell: Cell, **others: Any) -> Environment:
            if cell == bad:
                raise OSError(code, os.strerror(code), "/somewhere")
            return super().prepare(cell, **others)

    ran = scenario.run([bad, good], provider=Refused())
    assert (ran.cell(bad).verdict, ran.cell(bad).reason) == (Verdict.ERROR, reason)
    assert ran.cell(bad).message.startswith(f"/somewhere: {words}")
    assert ran.words(producer=good.id, consumer=good.id) == {("ok", None)}
