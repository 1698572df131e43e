from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckptcell.errors import LifeLineClosed
from ckptcell.jobbounds import JobBounds
from ckptcell.lifeline import LifeLine

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ends:
    """A life line and the orchestrator's ends of it."""

    def __init__(self) -> None:
        commands, self.commands = os.pipe()
        self.events, events = os.pipe()
        self.line = LifeLine(commands, events, JobBounds(None, ".", None))
        self.open = {commands, events, self.commands, self.events}

    def close(self, descriptor: int) -> None:
        self.open.remove(descriptor)
        os.close(descriptor)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    for descriptor in list(made.open):
        made.close(descriptor)


def test_the_manifest_is_the_first_line_in_however_many_pieces(ends: Ends) -> None:
    def send() -> None:
        for piece in (b'{"a":', b"1}", b"\nmore"):
            os.write(ends.commands, piece)
            time.sleep(0.01)

    sender = threading.Thread(target=send)
    sender.start()
    assert ends.line.read_manifest() == b'{"a":1}'
    sender.join()
    ends.line.check()


def test_closing_before_the_manifest_is_whole_ends_it(ends: Ends) -> None:
    os.write(ends.commands, b'{"a":')
    ends.close(ends.commands)
    with pytest.raises(LifeLineClosed):
        ends.line.read_manifest()


def test_closing_is_noticed_after_whatever_was_sent(ends: Ends) -> None:
    ends.line.check()
    os.write(ends.commands, b"x" * 50_000)
    ends.close(ends.commands)
    with pytest.raises(LifeLineClosed):
        ends.line.check()


def test_an_event_larger_than_a_pipe_arrives_whole(ends: Ends) -> None:
    received = bytearray()

    def read() -> None:
        while not received.endswith(b"\n"):
            received.extend(os.read(ends.events, 1000))

    reader = threading.Thread(target=read)
    reader.start()
    event = {"event": "observation", "value": "x" * 300_000}
    ends.line.send(event)
    reader.join()
    assert json.loads(received) == event


def test_a_reader_that_is_gone_ends_it(ends: Ends) -> None:
    ends.close(ends.events)
    with pytest.raises(LifeLineClosed):
        ends.line.send({"event": "hello"})


def test_closing_ends_a_send_that_nobody_reads(ends: Ends) -> None:
    closing = threading.Timer(0.05, ends.close, [ends.commands])
    closing.start()
    with pytest.raises(LifeLineClosed):
        ends.line.send({"value": "x" * 300_000})
    closing.join()


def test_closing_ends_work_that_does_not_look(ends: Ends) -> None:
    ends.close(ends.commands)
    began = time.monotonic()
    with pytest.raises(LifeLineClosed):
        ends.line.during(lambda: time.sleep(10))
    assert time.monotonic() - began < 5


def test_work_that_ends_first_gives_its_result(ends: Ends) -> None:
    assert ends.line.during(lambda: "done") == "done"
