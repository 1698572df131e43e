"""Files as ``torch.save`` writes them, made without torch, and cells that load and save them.

A file holds a dict: ``needs`` are features a cell must have to load it, ``value`` is what it then
sees. What a cell's own re-saves need, by container, is a table of the test.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakes import FakeProvider, FakeSide, Steps, facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Capable", "capable_cells", "checkpoint_bytes", "write_checkpoint"]


def checkpoint_bytes(content: object) -> bytes:
    """A zip file in the layout of ``torch.save``, without tensors."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps(content, protocol=2))
        archive.writestr(zipfile.ZipInfo("archive/version"), b"3\n")
    return packed.getvalue()


def write_checkpoint(path: Path, *needs: str, value: object = "v") -> Path:
    """A file that needs features of a cell."""
    path.write_bytes(checkpoint_bytes({"needs": list(needs), "value": value}))
    return path


@dataclass(frozen=True, kw_only=True)
class Capable:
    """What a cell can.

    Attributes:
        has: Features it has.
        zip: What its re-saves as a zip file need.
        legacy: What its re-saves in the legacy format need.
        sees: Value → what it sees instead.
        model: What it reports of a user's model.
        blind: Whether it cannot look into what it loads.
    """

    has: frozenset[str] = frozenset()
    zip: tuple[str, ...] = ()
    legacy: tuple[str, ...] = ()
    sees: Mapping[object, object] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    blind: bool = False


def capable_cells(cells: Mapping[str, Capable]) -> FakeProvider:
    """A provider whose cells load and save such files."""
    return FakeProvider(program=lambda side: _capable(side, cells[side.cell.id]))


def _capable(side: FakeSide, can: Capable) -> Steps:
    yield _line({"event": "hello", "protocol": 1, "facts": facts_of(side.cell)})
    said: set[str] = set()
    for task in side.manifest["tasks"]:
        yield _line({"event": "started", "task": task["id"], "attempt": 1})
        observed, done = _attempt(side, task, can)
        digest = None if observed is None else hashlib.sha256(_line(observed)).hexdigest()
        if digest is not None and digest not in said:
            said.add(digest)
            yield _line({"event": "observation", "sha256": digest, "value": observed})
        fixed = {"attempt": 1, "isolation": "alone", "result": "returned", "seconds": 0.001}
        named = {"event": "done", "task": task["id"], "observation": digest}
        yield _line({**named, **fixed, **done})
    yield _line({"event": "bye", "tasks": len(side.manifest["tasks"])})
    return 0


def _attempt(
    side: FakeSide, task: dict[str, Any], can: Capable
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    source = task["source"] or task
    body = (side.input / source["path"]).read_bytes()
    if hashlib.sha256(body).hexdigest() != source["sha256"]:
        return None, {"result": "input_mismatch", "stage": "load"}
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = pickle.loads(archive.read("archive/data.pkl"))  # noqa: S301 - of this test
    lacking = sorted(set(content["needs"]) - can.has)
    stage = "save" if task["source"] else "load"
    if lacking:
        error = {"type": "RuntimeError", "message": f"this cell has no {lacking[0]}"}
        return None, {"result": "raised", "stage": stage, "exception": error}
    if task["fit"]:
        model = {"version": 1, "leaves": [], "aliases": [], "model": can.model}
        return model, {"stage": "observe"}
    value = can.sees.get(content["value"], content["value"])
    leaf = {"path": "", "type": "str", "value": str(value)}
    if can.blind:
        leaf = {"path": "", "type": "unobservable", "class": "re.Pattern"}
    observed = {"version": 1, "leaves": [leaf], "aliases": []}
    if task["source"] is None:
        return observed, {"stage": "observe"}
    needs = can.zip if source["container"] == "zip" else can.legacy
    saved = checkpoint_bytes({"needs": list(needs), "value": value})
    path = side.output / task["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(saved)
    facts = {"sha256": hashlib.sha256(saved).hexdigest(), "bytes": len(saved)}
    return observed, {"stage": "observe", "checkpoint": facts | {"files": [{**facts, "path": "."}]}}


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
