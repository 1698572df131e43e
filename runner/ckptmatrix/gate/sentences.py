"""What a gate says, for a terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.report.text import counted_noun, plain

if TYPE_CHECKING:
    from ckptmatrix.gate.judge import Gate
    from ckptmatrix.record import RunRecord

__all__ = ["FORMAT", "sentences", "to_json"]

#: Version of the object that :func:`to_json` gives.
FORMAT = 1
_MOST = 10
_LONGEST = 600


def sentences(gate: Gate) -> list[str]:
    """Lines: whether it passes, what breaks which rule, what is to be said of expectations."""
    base, head = _name(gate.diff.base), _name(gate.diff.head)
    lines = [f"{head} against {'nothing: it is its own baseline' if base == head else base}"]
    for breach in gate.breaches:
        lines.append(f"{breach.rule}: {breach.count:,} {breach.rule.meaning}")
        lines += [f"  {plain(said, _LONGEST)}" for said in breach.sentences[:_MOST]]
        if len(breach.sentences) > _MOST:
            lines.append(f"  and {len(breach.sentences) - _MOST} more")
    lines += [f"expect: {plain(each.says, _LONGEST)}" for each in gate.known if each.says]
    if gate.accepted:
        lines.append(f"{counted_noun(gate.accepted, 'load')} not as it should be, as expected")
    rules = ", ".join(gate.rules)
    lines.append(f"passes: {rules}" if gate.passes else f"does not pass: {rules}")
    return lines


def _name(run: RunRecord) -> str:
    return plain(f"{run.matrix}/{run.id}", 200)


def to_json(gate: Gate) -> dict[str, Any]:
    """The same as one object."""
    return {
        "format": FORMAT,
        "passes": gate.passes,
        "run": _name(gate.diff.head),
        "baseline": _name(gate.diff.base),
        "rules": [rule.value for rule in gate.rules],
        "breaches": [
            {
                "rule": breach.rule.value,
                "count": breach.count,
                "sentences": [plain(said, _LONGEST) for said in breach.sentences],
            }
            for breach in gate.breaches
        ],
        "accepted": gate.accepted,
        "expectations": [
            {
                "line": each.expectation.line,
                "covered": each.covered,
                "met": each.met,
                "expired": each.expired,
                "says": plain(each.says, _LONGEST),
            }
            for each in gate.known
        ],
    }
