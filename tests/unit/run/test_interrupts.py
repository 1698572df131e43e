from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ckptmatrix.run.interrupts import Interrupts

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
WAITS = """
import sys, threading, time
from ckptmatrix.run.interrupts import Interrupts
cancel = threading.Event()
with Interrupts(cancel, lambda text: print(text, flush=True)) as interrupts:
    print("ready", flush=True)
    cancel.wait(30)
    time.sleep(float(sys.argv[1]))
print("over", flush=True)
sys.exit(interrupts.exit_code or 0)
"""


def waiting(seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_first_signal_cancels_and_is_said(number: signal.Signals, code: int) -> None:
    cancel, said = threading.Event(), list[str]()
    before = signal.getsignal(number)
    with Interrupts(cancel, said.append) as interrupts:
        os.kill(os.getpid(), number)
        assert cancel.wait(5)
        deadline = time.monotonic() + 5
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said == ["stopping …: what is finished is kept"]
    assert interrupts.received is number
    assert interrupts.exit_code == code
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_changes_nothing(second: signal.Signals) -> None:
    process = waiting(1.0)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("stopping …")
    process.send_signal(second)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "over\n", "")


def test_a_third_signal_kills() -> None:
    process = waiting(60.0)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("stopping …")
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        cancel = threading.Event()
        with Interrupts(cancel, print):
            os.kill(os.getpid(), signal.SIGHUP)
        assert not cancel.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
