from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell import results
from ckptcell.errors import Misbehaved
from ckptmatrix.wire import EVENT
from ckptmatrix.words import Mode

GOOD: dict[str, Any] = {
    "result": "returned",
    "stage": "observe",
    "exception": None,
    "detail": "",
    "oom": False,
    "seconds": 0.5,
    "observation": {"version": 1, "leaves": []},
    "behaviour_of": "plain",
    "checkpoint": {
        "sha256": "0" * 64,
        "bytes": 3,
        "files": [{"path": ".", "bytes": 3, "sha256": "0" * 64}],
    },
    "warnings": [{"category": "UserWarning", "message": "take care"}],
    "peak_rss_bytes": 1000,
    "reusable": True,
}
RAISED = {"type": "ValueError", "message": "m", "traceback": "t", "cause": ""}
FILE = {"path": "a", "bytes": 1, "sha256": "1" * 64}


def line(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(**fields: object) -> bytes:
    return line({**GOOD, **fields})


def test_a_result_is_what_it_was() -> None:
    assert results.read(line(GOOD)) == ("result", GOOD)
    raised = {**GOOD, "result": "raised", "exception": RAISED}
    assert results.read(line(raised)) == ("result", raised)


@pytest.mark.parametrize("mode", Mode)
def test_a_cure_may_stand_for_another_mode_as_well(mode: Mode) -> None:
    kind, value = results.read(changed(behaviour_of=mode.value))
    assert (kind, value["behaviour_of"]) == ("result", mode.value)


def test_other_messages_are_told_apart() -> None:
    assert results.read(b'{"ready":true}') == ("ready", None)
    assert results.read(b'{"stage":"forward"}') == ("stage", "forward")
    assert results.read(b'{"facts":{"python":"3.6"}}') == ("facts", {"python": "3.6"})


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"nonsense",
        b"\xff",
        b"[" * 100_000,
        b"1" * 5000,
        b"[]",
        b"{}",
        b'{"stage":"judge"}',
        b'{"stage":["load"]}',
        b'{"facts":[]}',
        changed(result="ok"),
        changed(result=["returned"]),
        changed(stage=1),
        changed(surprise=1),
        changed(oom=0),
        changed(reusable="yes"),
        changed(detail=None),
        changed(seconds=-1),
        changed(seconds=True),
        changed(seconds=float("inf")),
        changed(seconds=float("nan")),
        changed(peak_rss_bytes=-1),
        changed(peak_rss_bytes=1.5),
        changed(observation=[]),
        changed(observation={"a": float("nan")}),
        changed(observation={"a": 1 << 64}),
        changed(observation={"a": "\ud800"}),
        changed(observation={"\ud800": 1}),
        changed(observation={"a": json.loads("[" * 70 + "]" * 70)}),
        changed(warnings=None),
        changed(warnings=[GOOD["warnings"][0]] * 101),
        changed(warnings=[{"category": "UserWarning"}]),
        changed(warnings=[{"category": "UserWarning", "message": 1}]),
        changed(exception=RAISED),
        changed(result="raised"),
        changed(result="raised", exception={**RAISED, "more": ""}),
        changed(result="raised", exception="ValueError"),
        changed(checkpoint=[]),
        changed(checkpoint={**GOOD["checkpoint"], "sha256": "g" * 64}),
        changed(checkpoint={**GOOD["checkpoint"], "bytes": -1}),
        changed(checkpoint={**GOOD["checkpoint"], "files": {}}),
        changed(checkpoint={**GOOD["checkpoint"], "files": [FILE] * 10_001}),
        changed(checkpoint={**GOOD["checkpoint"], "files": [{**FILE, "path": "../up"}]}),
        changed(checkpoint={**GOOD["checkpoint"], "files": [{**FILE, "path": "/etc"}]}),
        changed(checkpoint={**GOOD["checkpoint"], "files": [{**FILE, "path": "a\nb"}]}),
        changed(checkpoint={**GOOD["checkpoint"], "files": [{**FILE, "path": ""}]}),
        changed(behaviour_of="verdict"),
        changed(behaviour_of=["plain"]),
    ],
)
def test_what_no_worker_says_is_refused(wrong: bytes) -> None:
    with pytest.raises(Misbehaved):
        results.read(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON))
def test_whatever_passes_makes_valid_events(fields: dict[str, Any]) -> None:
    try:
        kind, value = results.read(changed(**fields))
    except Misbehaved:
        return
    assert kind == "result"
    value.pop("reusable")
    observation = value.pop("observation")
    done = {"event": "done", "task": "a", "attempt": 1, "isolation": "alone", **value}
    EVENT.validate_json(json.dumps(done))
    if observation is not None:
        sent = {"event": "observation", "sha256": "0" * 64, "value": observation}
        EVENT.validate_json(json.dumps(sent))
