"""What a job in a container can use up, and how little it needs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ckptmatrix.providers.base import Ending
from ckptmatrix.providers.docker.sandbox import Bounds
from ckptmatrix.wire import Limits, Manifest, Task
from ckptmatrix.words import Mode, Phase

if TYPE_CHECKING:
    from docker.api import APIClient

    from dockers import Bench

GIB = 1 << 30


def loading(tasks: int = 0, **limits: Any) -> Manifest:
    return Manifest(
        phase=Phase.LOAD,
        tasks=tuple(
            Task(id=f"t{number}", case="x", mode=Mode.PLAIN, path="x") for number in range(tasks)
        ),
        limits=Limits(**limits),
    )


def logged(api: APIClient) -> int:
    """Bytes the engine keeps of what containers say; 0 when that is another machine's disk."""
    folder = Path(api.info()["DockerRootDir"], "containers")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_gibibyte_of_events_arrives_whole_and_fills_no_disk(bench: Bench) -> None:
    most = [0]
    counted = {"lines": 0, "bytes": 0}

    def count(line: bytes) -> None:
        counted["lines"] += 1
        counted["bytes"] += len(line)
        assert int(line[:12]) == counted["lines"] - 1
        if counted["lines"] % 200 == 0:
            most.append(logged(bench.api))

    ran = bench.run(
        """
        filler = b"x" * (1 << 20)
        for number in range(1024):
            os.write(2, filler)
            line = b"%012d" % number + filler[12:-1] + b"\\n"
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
        sys.stderr.write("last words")
        """,
        manifest=loading(tasks=20),
        on_line=count,
        keep=False,
        deadline_s=110,
    )
    assert (ran.end.ending, ran.end.exit_code) == (Ending.EXITED, 0)
    assert counted == {"lines": 1024, "bytes": GIB - 1024}
    assert ran.end.tail.endswith("last words")
    assert len(ran.end.tail) < 10_000
    assert max(most) < 10_000_000


def test_more_than_a_job_may_say_ends_it(bench: Bench) -> None:
    ran = bench.run(
        """
        while True:
            sys.stdout.write("x" * 1000 + "\\n")
        """,
        keep=False,
    )
    assert ran.end.ending is Ending.FLOODED


def test_a_file_of_three_gigabytes_is_stopped(bench: Bench) -> None:
    said = bench.run("""
        with open(OUTPUT + "/big", "wb") as file:
            say(refusal(os.truncate, file.fileno(), 3_000_000_000))
            os.lseek(file.fileno(), 1_999_999_990, os.SEEK_SET)
            say(os.write(file.fileno(), b"x" * 100))
            say(refusal(os.write, file.fileno(), b"x"))
        os.unlink(OUTPUT + "/big")
    """).said
    assert said == ["File too large", 10, "File too large"]


def test_scratch_is_small_and_can_hold_programs(bench: Bench) -> None:
    said = bench.run(
        """
        import subprocess
        with open(SCRATCH + "/program", "w") as file:
            file.write("#!/bin/sh\\necho ran")
        os.chmod(SCRATCH + "/program", 0o700)
        say(subprocess.run([SCRATCH + "/program"], stdout=subprocess.PIPE).stdout.decode())
        def fill():
            with open(SCRATCH + "/much", "wb") as file:
                while True:
                    file.write(b"x" * 1_000_000)
        say(refusal(fill))
        say(os.path.getsize(SCRATCH + "/much"))
        """,
        bounds=Bounds(scratch_bytes=20_000_000),
    ).said
    assert said[:2] == ["ran\n", "No space left on device"]
    assert 15_000_000 < said[2] <= 20_000_000


def test_a_fork_bomb_is_contained(bench: Bench) -> None:
    ran = bench.run(
        """
        import time
        children = 0
        try:
            while True:
                if os.fork() == 0:
                    while True:
                        time.sleep(60)
                children += 1
        except OSError as error:
            say([children, error.strerror])
        """,
        bounds=Bounds(pids=40),
    )
    assert ran.said == [[39, "Resource temporarily unavailable"]]
    assert ran.end.exit_code == 0


def test_memory_is_limited_and_the_kernels_kill_is_told(bench: Bench) -> None:
    ran = bench.run(
        """
        held = []
        say("begun")
        while True:
            held.append(b"x" * 10_000_000)
        """,
        manifest=loading(memory_bytes=50_000_000),
        bounds=Bounds(memory_bytes=50_000_000, scratch_bytes=10_000_000),
    )
    assert ran.said == ["begun"]
    assert ran.end.oom_killed
    assert ran.end.exit_code == -signal.SIGKILL
    assert ran.end.ending is Ending.EXITED


def test_death_by_another_signal_is_not_taken_for_memory(bench: Bench) -> None:
    ran = bench.run("""
        import signal
        os.close(1)
        os.close(2)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        os.kill(1, signal.SIGTERM)
        signal.pause()
    """)
    assert (ran.end.exit_code, ran.end.oom_killed) == (-signal.SIGTERM, False)


def test_a_job_costs_little(bench: Bench) -> None:
    ran = [bench.run("say(1)") for _ in range(3)]
    fastest = min(ran, key=lambda each: each.seconds)
    figures = f"first line after {fastest.first_s:.2f} s, all of it {fastest.seconds:.2f} s"
    print("\na job:", figures)  # noqa: T201 - the figures are what this test is for
    assert fastest.seconds < 10
