from __future__ import annotations

import signal
import threading
import time

import pytest

from ckptmatrix.engines.local import LocalEngine


def test_does_everything_once() -> None:
    done: list[int] = []
    LocalEngine(3).each(range(20), done.append, cancel=threading.Event())
    assert sorted(done) == list(range(20))


def test_several_at_a_time_and_no_more_than_slots() -> None:
    barrier = threading.Barrier(2, timeout=10)
    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait()
        with lock:
            running -= 1

    LocalEngine(2).each(range(6), work, cancel=threading.Event())
    assert most == 2


def test_a_piece_that_raises_stops_the_rest_and_raises_here() -> None:
    cancel = threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            msg = "broken"
            raise ValueError(msg)
        while not cancel.is_set():
            time.sleep(0.01)
        done.append(item)

    with pytest.raises(ValueError, match="broken"):
        LocalEngine(2).each(range(10), work, cancel=cancel)
    assert cancel.is_set()
    assert len(done) <= 1


def test_nothing_starts_once_cancelled() -> None:
    cancel = threading.Event()
    cancel.set()
    done: list[int] = []
    LocalEngine(1).each(range(5), done.append, cancel=cancel)
    assert done == []


def test_a_signal_that_another_thread_took_is_heard_while_work_goes_on() -> None:
    cancel = threading.Event()
    heard: list[bool] = []

    def work(_: int) -> None:
        time.sleep(0.3)  # so that the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        heard.append(cancel.wait(30))

    before = signal.signal(signal.SIGUSR1, lambda *_: cancel.set())
    try:
        LocalEngine(1).each([0], work, cancel=cancel)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [True]
