"""Everything that was seen, judged: one outcome for every load of the plan, none absent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ckptmatrix.judge.absent import (
    consumer_unusable,
    did_not_run,
    lost,
    no_device,
    producer_unusable,
    save_failed,
)
from ckptmatrix.judge.controls import CONTROLS, distrust
from ckptmatrix.judge.judge import judge_load, judge_save
from ckptmatrix.judge.outcome import Outcome
from ckptmatrix.plan import Load, Save
from ckptmatrix.record import CellRecord, SaveRecord
from ckptmatrix.words import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ckptmatrix.judge.outcome import Judgement
    from ckptmatrix.plan import Plan
    from ckptmatrix.run.phases import Seen
    from ckptmatrix.wire import Done

__all__ = ["Assembled", "assemble"]


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """The run's results.

    Attributes:
        cells: Records in the matrix's order, with their controls' word.
        saves: One per save of the plan.
        outcomes: One per load of the plan.
        did_not_run: How many saves and loads of usable cells have no answer.
    """

    cells: tuple[CellRecord, ...]
    saves: tuple[SaveRecord, ...]
    outcomes: tuple[Outcome, ...]
    did_not_run: int
