"""How an attempt ended, when it did not return: verdict, reason and a sentence for people."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from ckptmatrix.judge.exceptions import classify
from ckptmatrix.judge.outcome import Judgement
from ckptmatrix.judge.raised import raised
from ckptmatrix.judge.wording import clipped
from ckptmatrix.words import Reason, Result, Verdict

if TYPE_CHECKING:
    from ckptmatrix.archive.reading import Format
    from ckptmatrix.wire import Done

__all__ = ["judge_ending"]

#: Longest message an outcome keeps.
_LONGEST = 2_000
#: Escape sequences of terminals, which torch puts around its advice since 2.6.
_ESCAPE = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
#: What a dying C++ program or interpreter says about its end.
_TELLING = re.compile(
    r"what\(\):|terminate called|Fatal Python error|INTERNAL ASSERT|Assertion .{0,200}failed"
    r"|corrupted|double free|free\(\)|malloc\(\)|stack smashing|\bError\b"
)
#: A mode's parameter that this torch.load does not have; ``ckptcell.modes`` says so.
_MODE = re.compile(r"\bhas no (?:weights_only|mmap|map_location)\b")
_TOLD = 3


def judge_ending(done: Done, file: Format | None = None) -> Judgement | None:
    """What an attempt that did not return came to.

    Args:
        done: How it ended.
        file: What the file loaded says it is: the same words may mean something else of another.

    Returns:
        A judgement whose ``as_expected`` is yet to be decided; None for an attempt that returned.
    """
    ended = None
    match done.result:
        case Result.RETURNED:
            pass
        case Result.RAISED:
            ended = _raised(done, file)
        case Result.DIED:
            reason = Reason.OUT_OF_MEMORY if done.oom else Reason.CRASHED
            ended = _failed(done, reason, _death(done))
        case Result.TIMEOUT:
            ended = _failed(done, Reason.TIMEOUT, done.detail or "it did not end in its time")
        case Result.OUTPUT_FLOOD:
            said = f"it printed {done.output_bytes} bytes, more than its limit"
            ended = _failed(done, Reason.OUTPUT_FLOOD, done.detail or said)
        case Result.UNSUPPORTED:
            missing = _MODE.search(done.detail) is not None
            reason = Reason.MODE_MISSING if missing else Reason.FEATURE_MISSING
            ended = replace(_failed(done, reason, done.detail), verdict=Verdict.UNSUPPORTED)
        case Result.INPUT_MISMATCH:
            said = done.detail or "the checkpoint is not the one that was saved"
            ended = replace(_failed(done, Reason.CHECKPOINT_CORRUPT, said), verdict=Verdict.ERROR)
    return ended


def _raised(done: Done, file: Format | None) -> Judgement:
    if done.exception is None:
        return Judgement(
            verdict=Verdict.ERROR,
            reason=Reason.CELL_MISBEHAVED,
            stage=done.stage,
            message="the cell reported an exception without saying which",
        )
    told = raised(done.exception)
    kind, words = told.type, told.message
    meaning = classify(kind, words, done.stage, file)
    reason = Reason.OUT_OF_MEMORY if done.oom else meaning.reason
    said = _readable(words.partition("\nframe #0:")[0])
    return Judgement(
        verdict=Verdict.FAILED,
        reason=reason,
        stage=done.stage,
        message=f"{kind}: {said}" if said else kind,
        entity="" if done.oom else meaning.entity,
    )


def _failed(done: Done, reason: Reason, message: str) -> Judgement:
    return Judgement(
        verdict=Verdict.FAILED, reason=reason, stage=done.stage, message=_readable(message)
    )


def _death(done: Done) -> str:
    if done.signal is not None:
        try:
            how = f"killed by {signal.Signals(done.signal).name}"
        except ValueError:
            how = f"killed by signal {done.signal}"
    elif done.exit_code is not None:
        how = f"ended by itself with exit code {done.exit_code}"
    else:
        how = done.detail or "its process is gone"
    lines = [
        line.strip()
        for line in done.tail.splitlines()
        if line.strip() and not line.startswith("frame #")
    ]
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return ": ".join([how, *(clipped(line, 400) for line in telling[-_TOLD:])])


def _readable(text: str) -> str:
    plain = _ESCAPE.sub("", text).strip()
    if not plain.isprintable():
        plain = "".join(
            char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
            for char in plain[:_LONGEST]
        )
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
