"""A run as a badge: the JSON that shields.io calls an endpoint.

See «Endpoint badge» in the documentation of shields.io.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ckptmatrix.report.squares import counted, fold
from ckptmatrix.report.text import plain
from ckptmatrix.words import Verdict

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

__all__ = ["render_badge"]

#: From this share of good loads on, the colour.
_COLOURS = ((1.0, "brightgreen"), (0.9, "green"), (0.75, "yellow"), (0.5, "orange"), (0.0, "red"))


def render_badge(run: RunRecord) -> str:
    """One object: label, message and colour.

    Args:
        run: A run that has ended.
    """
    outcomes = counted(run.outcomes)
    whole = fold(outcomes)
    missing = any(
        o.judgement.verdict in {Verdict.ERROR, Verdict.ABORTED} and not o.judgement.as_expected
        for o in outcomes
    )
    if run.status != "complete" or whole.share is None:
        message, colour = "not measured", "lightgrey"
    else:
        # Rounded down: only what is wholly good says 100%.
        message = f"{100 * whole.good // whole.applies}% as expected" + ", incomplete" * missing
        share = whole.share
        colour = next(name for least, name in _COLOURS if share >= least)
    label = f"checkpoints {plain(run.matrix, 40)}"
    badge = {"schemaVersion": 1, "label": label, "message": message, "color": colour}
    return json.dumps(badge, indent=1) + "\n"
