from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes import Behaviour, FakeProvider, FakeSide, Steps, good_cell
from scenario import TRUNCATED, interrupt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]
    Inject = Callable[[FakeProvider], None]

OLD, NEW = "py3.10-torch1.13.1-default", "py3.11-torch2.6.0-default"


def cells(**raises: str) -> dict[str, Behaviour]:
    """Good cells, of which the newer raises at some cases."""
    return {
        OLD: Behaviour(raises=TRUNCATED),
        NEW: Behaviour(raises={**TRUNCATED, **raises}),
    }


def test_what_is_wrong_with_the_gate_is_told_before_anything_runs(
    command: Command, inject: Inject, matrix: Path
) -> None:
    provider = FakeProvider(cells())
    inject(provider)
    without = command("run", matrix, "--gate")
    assert without.code == 2
    assert "has no baseline to compare with" in without.err
    (matrix.parent / "expect.yaml").write_text("expect: [{cas: x}]\n")
    wrong = command("run", matrix, "--gate", "--baseline", "none", "--expect", "expect.yaml")
    assert wrong.code == 2
    assert "did you mean case?" in wrong.err
    assert not (matrix.parent / "reports").exists()


def test_options_of_a_gate_without_one(command: Command, matrix: Path) -> None:
    said = command("run", matrix, "--fail-on", "lost")
    assert said.code == 2
    assert "are about --gate" in said.err


def test_a_run_that_is_as_it_was_passes_and_one_that_is_not_does_not(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells()))
    assert command("run", matrix).code == 0
    assert command("baseline", "set", "small").code == 0
    good = command("run", matrix, "--gate")
    assert good.code == 0
    assert "passes: new-failure" in good.out
    inject(FakeProvider(cells(module_linear="RuntimeError: no")))
    bad = command("run", matrix, "--gate", "--fresh", "--json")
    assert bad.code == 1
    (breach,) = bad.json()["gate"]["breaches"]
    assert breach["rule"] == "new-failure"
    assert bad.json()["verdicts"]["failed"] > 0
    known = "expect: [{case: module_linear, verdict: failed, why: known, expires: 2999-12-31}]\n"
    (matrix.parent / "expect.yaml").write_text(known)
    expected = command("run", matrix, "--gate", "--expect", "expect.yaml")
    assert expected.code == 0
    assert "as expected" in expected.out


def test_a_cell_that_is_not_there_any_more_is_lost(
    command: Command, inject: Inject, matrix: Path
) -> None:
    inject(FakeProvider(cells()))
    command("run", matrix)
    command("baseline", "set", "small")
    # What was not asked for is not missed.
    assert command("run", matrix, "--gate", "--cells", NEW).code == 0
    whole = matrix.read_text()
    matrix.write_text(whole.replace('  - {python: "3.10", torch: "1.13.1"}\n', ""))
    said = command("run", matrix, "--gate")
    assert said.code == 1
    assert f"{OLD} is not in the run any more" in said.out


def test_an_interrupted_run_is_not_held_against_anything(
    command: Command, inject: Inject, matrix: Path
) -> None:
    def program(side: FakeSide) -> Steps:
        if side.manifest["phase"] == "load":
            interrupt()
        return (yield from good_cell(side))

    inject(FakeProvider(cells()))
    command("run", matrix)
    command("baseline", "set", "small")
    inject(FakeProvider(cells(), program=program))
    said = command("run", matrix, "--gate", "--fresh")
    assert said.code == 130
    assert "passes" not in said.out
