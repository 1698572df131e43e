from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.run.stream import JobStream
from ckptmatrix.store.keys import digest
from ckptmatrix.wire import Done, Facts, Task
from ckptmatrix.words import Mode

HELLO = {
    "event": "hello",
    "protocol": 1,
    "facts": {
        "cell_program": "0.1.0",
        "python": "3.11.7",
        "implementation": "cpython",
        "executable": "python",
        "platform": "linux",
        "machine": "x86_64",
        "byteorder": "little",
    },
}
VALUE = {"version": 1, "leaves": [], "aliases": []}
DIGEST = hashlib.sha256(
    json.dumps(VALUE, sort_keys=True, separators=(",", ":")).encode()
).hexdigest()
OBSERVATION = {"event": "observation", "sha256": DIGEST, "value": VALUE}


def done(task: str = "t0", **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event": "done",
        "task": task,
        "attempt": 1,
        "isolation": "shared",
        "result": "returned",
        "stage": "load",
        "observation": DIGEST,
        "seconds": 0.1,
    }
    return event | changes


class Listener:
    def __init__(self, *tasks: str) -> None:
        self.greeted: list[Facts] = []
        self.observed: list[str] = []
        self.final: dict[str, tuple[Done, ...]] = {}
        self.stream = JobStream(
            tasks={
                task: Task(id=task, case="c", mode=Mode.PLAIN, path="x", like=DIGEST)
                for task in tasks
            },
            on_hello=self.greeted.append,
            on_observation=self.observe,
            on_final=lambda task, attempts: self.final.update({task.id: attempts}),
        )

    def observe(self, sha256: str, value: dict[str, Any]) -> None:
        """What the store does."""
        if digest(value) != sha256:
            msg = "an observation is not what its digest says"
            raise ValueError(msg)
        self.observed.append(sha256)

    def hear(self, *events: dict[str, Any]) -> JobStream:
        for event in events:
            self.stream.feed(json.dumps(event).encode())
        return self.stream


def started(task: str = "t0", attempt: int = 1) -> dict[str, Any]:
    return {"event": "started", "task": task, "attempt": attempt}


def test_a_plainly_good_task_is_final_at_once() -> None:
    listener = Listener("t0", "t1")
    stream = listener.hear(HELLO, started(), OBSERVATION, done())
    assert list(listener.final) == ["t0"]
    assert listener.greeted == [stream.facts]
    assert listener.observed == [DIGEST]
    assert [task.id for task in stream.missing] == ["t1"]
    assert not stream.broken


def test_what_is_not_final_waits_for_its_lone_repeat() -> None:
    listener = Listener("t0")
    raised = done(result="raised", observation=None, final=False)
    listener.hear(HELLO, started(), raised)
    assert listener.final == {}
    listener.hear(started(attempt=2), raised | {"attempt": 2, "isolation": "alone", "final": True})
    assert [attempt.attempt for attempt in listener.final["t0"]] == [1, 2]


def test_the_cell_alone_says_what_it_tries_again() -> None:
    listener = Listener("t0")
    raised = done(result="raised", observation=None, isolation="alone")
    stream = listener.hear(HELLO, started(), raised)
    assert list(listener.final) == ["t0"]
    assert stream.missing == []
    assert listener.hear({"event": "bye", "tasks": 1}).finished


def test_the_task_in_flight_is_known_when_the_cell_is_lost() -> None:
    assert Listener("t0").hear(HELLO, started()).in_flight == "t0"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([done()], "hello first"),
        ([HELLO, HELLO], "hello first, and once"),
        ([HELLO, done("t9", observation=None)], "not asked for"),
        ([HELLO, done()], "named that was not sent"),
        ([HELLO, done(attempt=2, observation=None)], "attempt 2"),
        ([HELLO, OBSERVATION, done(), done()], "is over"),
        ([HELLO, OBSERVATION, done(), started(attempt=2)], "is over"),
        ([HELLO, OBSERVATION, done(), done(attempt=2)], "is over"),
        ([HELLO, OBSERVATION, done(final=False), {"event": "bye", "tasks": 1}], "last attempt"),
        ([HELLO, OBSERVATION | {"sha256": "0" * 64}], "not what its digest says"),
        ([HELLO, {"event": "bye", "tasks": 0}, started()], "followed the goodbye"),
        ([HELLO, {"event": "verdict", "ok": True}], "verdict"),
        ([HELLO, started("../../etc")], "started"),
        ([HELLO, done(seconds=-1, observation=None)], "done"),
        ([HELLO, done(extra=1, observation=None)], "done"),
    ],
)
def test_what_the_protocol_does_not_allow(events: list[dict[str, Any]], words: str) -> None:
    stream = Listener("t0").hear(*events)
    assert words in stream.broken


def test_nothing_is_believed_after_the_stream_broke() -> None:
    listener = Listener("t0")
    listener.stream.feed(b"not json")
    listener.hear(HELLO, OBSERVATION, done())
    assert listener.final == {}
    assert listener.stream.facts is None


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_never_raises(lines: list[bytes]) -> None:
    listener = Listener("t0")
    for line in lines:
        listener.stream.feed(line)
    assert listener.final == {}


def test_a_bug_in_what_listens_is_not_laid_to_the_cell() -> None:
    def broken(_task: Task, _attempts: tuple[Done, ...]) -> None:
        msg = "a bug"
        raise ValueError(msg)

    listener = Listener("t0")
    listener.stream.on_final = broken
    with pytest.raises(ValueError, match="a bug"):
        listener.hear(HELLO, started(), OBSERVATION, done())
