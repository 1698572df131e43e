"""Write fixtures of real messages.

    PYTHONPATH=tests python tests/unit/diagnose/capture.py RUN_FOLDER …

Every diagnosis of the runs is made anew from their folders. For each signature the evidence of a
few loads that differ most is added to ``messages/<theme>.yaml``, unless there is enough of it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ckptmatrix.diagnose.knowledge import known_signatures
from diagnosed import evidence_in, noted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ckptmatrix.diagnose.evidence import Evidence

MESSAGES = Path(__file__).parent / "messages"
#: Fixtures of one signature.
ENOUGH = 2


def capture(every: Iterable[Evidence]) -> dict[str, int]:
    """Add what is new to the fixtures; theme → how many were added."""
    kept: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in MESSAGES.glob("*.yaml"):
        kept[file.stem] = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    seen = {_kind(entry) for entries in kept.values() for entry in entries}
    count: defaultdict[str, int] = defaultdict(int)
    for entries in kept.values():
        for entry in entries:
            count[entry["signature"]] += 1
    added: defaultdict[str, int] = defaultdict(int)
    for evidence in every:
        for signature in known_signatures():
            words = signature.match(evidence)
            if words is None:
                continue
            entry = {
                "signature": signature.name,
                "names": words.texts["entity"],
                **noted(evidence),
            }
            if count[signature.name] < ENOUGH and _kind(entry) not in seen:
                seen.add(_kind(entry))
                count[signature.name] += 1
                added[signature.theme] += 1
                kept[signature.theme].append(entry)
            break
    for theme in added:
        kept[theme].sort(key=lambda entry: str(entry["signature"]))
        text = yaml.safe_dump(
            kept[theme], sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
        )
        (MESSAGES / f"{theme}.yaml").write_text(text.replace("\n- ", "\n\n- "), encoding="utf-8")
    return dict(added)


def _kind(entry: dict[str, Any]) -> tuple[str, str]:
    """What makes two fixtures of a signature alike: their words, numbers and quotes aside."""
    raised = entry.get("raised") or {}
    differences = entry.get("differences") or [[""] * 4]
    said = f"{raised.get('type')}: {raised.get('message')} {entry.get('message')} {differences[0]}"
    torches = [(entry.get(side) or {}).get("torch", "") for side in ("producer", "consumer")]
    majors = [str(torch).partition(".")[0] for torch in torches]
    return entry["signature"], re.sub(r"\d+|'[^']{0,200}'", "#", said)[:200] + str(majors)


if __name__ == "__main__":
    runs = chain.from_iterable(evidence_in(Path(folder)) for folder in sys.argv[1:])
    for name, number in sorted(capture(runs).items()):
        sys.stdout.write(f"{name}: {number} added\n")
