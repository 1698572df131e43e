"""``ckptmatrix gate``: whether a run may pass."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix.commands.runs import find_baseline, find_run, must_be_complete
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.gate.expectations import read_expectations
from ckptmatrix.gate.judge import judge_run
from ckptmatrix.gate.policy import DEFAULT, Rule
from ckptmatrix.gate.sentences import sentences, to_json
from ckptmatrix.report.frames import RunFrames
from ckptmatrix.report.tables import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ckptmatrix.gate.judge import Gate

__all__ = ["GateOptions", "gate_command", "ready_gate"]

#: In place of a baseline: the run is held against nothing.
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """What somebody asked of a gate.

    Attributes:
        baseline: As :func:`ckptmatrix.commands.runs.find_run` takes it; ``none`` for none; the
            baseline of the run's own matrix when None.
        reports: Where run folders land.
        fail_on: Rules; the default ones when empty.
        expect: A file of expectations, or None.
    """

    baseline: str | None
    reports: Path
    fail_on: Sequence[str]
    expect: Path | None


def ready_gate(options: GateOptions, matrix: Path) -> Callable[[Path], Gate]:
    """All that can be wrong found out before a run, not after it.

    Args:
        options: What is asked.
        matrix: The folder of the matrix's runs.

    Returns:
        What holds the run in a folder against the baseline.

    Raises:
        UsageError: There is no such baseline, or it is not complete.
        MatrixError: The file of expectations cannot be used.
    """
    expectations = read_expectations(options.expect) if options.expect is not None else ()
    before = None if options.baseline == NONE else _whole(_baseline(options, matrix))

    def hold(folder: Path) -> Gate:
        head = _whole(folder)
        return judge_run(
            head if before is None else before,
            head,
            rules=[Rule(word) for word in options.fail_on] or DEFAULT,
            expectations=expectations,
            today=datetime.now(UTC).date(),
        )

    return hold


def gate_command(run: str, options: GateOptions, *, as_json: bool) -> int:
    """Hold a run against its baseline and what is expected.

    Args:
        run: As :func:`ckptmatrix.commands.runs.find_run` takes it.
        options: What is asked.
        as_json: Whether JSON is printed.

    Returns:
        0 when it passes, 1 when a rule is broken.

    Raises:
        UsageError: There is no such run or baseline, or the run has not ended.
        MatrixError: The file of expectations cannot be used.
    """
    folder = find_run(run, options.reports)
    gate = ready_gate(options, folder.parent)(folder)
    if as_json:
        click.echo(json.dumps(to_json(gate), indent=1))
    else:
        console = Console()
        for line in sentences(gate):
            console.print(Text(shown(line, console)), soft_wrap=True)
    return ExitCode.COMPLETE if gate.passes else ExitCode.GATE


def _baseline(options: GateOptions, matrix: Path) -> Path:
    if options.baseline is not None:
        return find_run(options.baseline, options.reports)
    base = find_baseline(matrix)
    if base is None:
        msg = (
            f"{matrix} has no baseline to compare with\n"
            f"    fix: ckptmatrix baseline set RUN; with --baseline {NONE} nothing counts as new"
        )
        raise UsageError(msg)
    return base


def _whole(folder: Path) -> RunFrames:
    run = RunFrames.open(folder)
    must_be_complete(folder, run.run)
    return run
