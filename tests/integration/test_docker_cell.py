"""The cell program itself in containers, with cases that need no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.providers.base import Ending
from ckptmatrix.providers.docker.labels import RUN
from ckptmatrix.providers.docker.sandbox import Bounds
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.wire import EVENT, Bye, Done, Hello, Limits, Manifest, Task, UserCases
from ckptmatrix.words import Mode, Phase, Result
from dockers import Bench, Ran, Traces, engine_or_skip

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).parents[1] / "fixtures"
CASES = {"cases/torchless.py": FIXTURES / "torchless_cases.py"}
GREEDY = {"cases/greedy.py": FIXTURES / "greedy_cases.py"}
LIMITS = Limits(memory_bytes=200_000_000, output_bytes=1_000_000, grace_s=0.2)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    api = engine_or_skip()
    before = Traces.of(api)
    (tmp_path / "program").mkdir()
    program = build_cell_program(tmp_path / "program")
    yield Bench(api=api, folder=tmp_path, program=program, run_name=f"cell-{os.getpid()}")
    assert Traces.of(api) == before


def manifest(
    *cases: str, module: str, limits: Limits = LIMITS, mode: Mode | None = None, **more: Any
) -> Manifest:
    return Manifest(
        phase=Phase.SAVE if mode is None else Phase.LOAD,
        user_cases=(UserCases(module=f"ckptcell_user_{module}", path=f"cases/{module}.py"),),
        tasks=tuple(
            Task(id=f"t{number}", case=case, path=f"t{number}/checkpoint.pkl", mode=mode, **more)
            for number, case in enumerate(cases)
        ),
        limits=limits,
    )


def events(ran: Ran) -> list[Any]:
    return [EVENT.validate_json(line) for line in ran.lines]


def dones(ran: Ran) -> dict[str, Done]:
    return {event.task: event for event in events(ran) if isinstance(event, Done)}


def test_a_probe_says_what_the_cell_is(bench: Bench) -> None:
    ran = bench.run(manifest=Manifest(phase=Phase.PROBE))
    hello, bye = events(ran)
    assert isinstance(hello, Hello)
    assert isinstance(bye, Bye)
    assert hello.facts.isolation == "fork"
    assert hello.facts.torch is None
    print(f"\nhello after {ran.first_s:.2f} s, all of it {ran.seconds:.2f} s")  # noqa: T201 - a figure for people


def test_what_is_saved_in_one_container_is_loaded_in_another(bench: Bench) -> None:
    saving = bench.run(manifest=manifest("good", "folder", module="torchless"), inputs=CASES)
    assert {task: done.result for task, done in dones(saving).items()} == {
        "t0": Result.RETURNED,
        "t1": Result.RETURNED,
    }
    assert (saving.output / "t0/checkpoint.pkl").is_file()
    assert sorted(path.name for path in (saving.output / "t1/checkpoint.pkl").iterdir()) == [
        *("a", "b", "deep"),
    ]
    checkpoint = dones(saving)["t0"].checkpoint
    assert checkpoint is not None
    loading = bench.run(
        manifest=manifest("good", module="torchless", mode=Mode.PLAIN, sha256=checkpoint.sha256),
        inputs={**CASES, "t0": saving.output / "t0"},
    )
    assert dones(loading)["t0"].result is Result.RETURNED
    assert dones(loading)["t0"].observation == dones(saving)["t0"].observation


def test_hostile_tasks_cost_only_themselves(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cases = ("aborts", "floods", "hogs", "leaves_a_process", "forges", "exits_hard", "good")
    first = bench.run(manifest=manifest("good", module="torchless"), inputs=CASES)
    inputs = {f"t{number}": first.output / "t0" for number in range(len(cases))}
    ran = bench.run(
        manifest=manifest(*cases, module="torchless", mode=Mode.PLAIN, timeout_s=20),
        inputs={**CASES, **inputs},
    )
    assert ran.end.exit_code == 0
    found = {cases[int(task[1:])]: done for task, done in dones(ran).items()}
    assert found["aborts"].signal == signal.SIGABRT
    assert found["floods"].result is Result.OUTPUT_FLOOD
    assert found["hogs"].oom
    assert found["exits_hard"].result is Result.DIED
    assert found["good"].result is Result.RETURNED
    assert isinstance(events(ran)[-1], Bye)


def test_two_gibibytes_of_talk_cost_no_event(bench: Bench) -> None:
    # 1 GiB on each of a task's outputs, which its limit allows here.
    limits = Limits(memory_bytes=200_000_000, output_bytes=3 << 30)
    ran = bench.run(
        manifest=manifest("talks", module="greedy", limits=limits, timeout_s=100),
        inputs=GREEDY,
        deadline_s=110,
    )
    done = dones(ran)["t0"]
    assert done.result is Result.RETURNED
    assert done.output_bytes == 2 << 30
    assert len(done.tail) <= 20_000
    assert isinstance(events(ran)[-1], Bye)


def test_an_output_folder_that_grows_ends_the_job(bench: Bench) -> None:
    ran = bench.run(
        manifest=manifest("many_files", module="greedy"),
        inputs=GREEDY,
        bounds=Bounds(output_bytes=50_000_000),
    )
    assert ran.end.exit_code == 5 or ran.end.ending is Ending.FLOODED
    assert "output folder has grown beyond 50000000 bytes" in ran.end.tail
    assert ran.seconds < 30


def client(bench: Bench, *, deadline_s: float) -> subprocess.Popen[str]:
    job = manifest("sleeps", module="greedy", timeout_s=900).model_dump_json()
    code = f"""
import pathlib, sys
sys.path.insert(0, {str(FIXTURES.parent)!r})
from ckptmatrix.wire import Manifest
from dockers import Bench, engine_or_skip
bench = Bench(api=engine_or_skip(), folder=pathlib.Path({str(bench.folder)!r}),
              program=pathlib.Path({str(bench.program)!r}), run_name={bench.run_name!r})
manifest = Manifest.model_validate_json({job!r})
inputs = {{"cases/greedy.py": pathlib.Path({str(GREEDY["cases/greedy.py"])!r})}}
bench.run(manifest=manifest, inputs=inputs, deadline_s={deadline_s},
          on_line=lambda line: print(line.decode(), flush=True))
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def await_end(bench: Bench, within_s: float) -> dict[str, Any]:
    (container,) = bench.api.containers(all=True, filters={"label": f"{RUN}={bench.run_name}"})
    until = time.monotonic() + within_s
    while True:
        state: dict[str, Any] = bench.api.inspect_container(container["Id"])["State"]
        if not state["Running"] or time.monotonic() > until:
            return state
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGKILL, 4), (signal.SIGSTOP, 5)], ids=["killed", "stopped"]
)
def test_a_container_ends_by_itself(bench: Bench, how: signal.Signals, code: int) -> None:
    """When its client is killed at once, and at its deadline when the client only looks alive."""
    process = client(bench, deadline_s=600.0 if how is signal.SIGKILL else 4.0)
    assert process.stdout is not None
    try:
        assert '"hello"' in process.stdout.readline()
        assert '"started"' in process.stdout.readline()
        process.send_signal(how)
        began = time.monotonic()
        state = await_end(bench, within_s=30)
        assert (state["Running"], state["ExitCode"]) == (False, code)
        print(f"\nended {time.monotonic() - began:.2f} s after the client")  # noqa: T201 - a figure for people
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    command = [sys.executable, "-m", "ckptmatrix.cli", "clean", "--json"]
    cleaned = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert any(name.startswith("ckptmatrix-job-") for name in cleaned["containers"])
    assert len(cleaned["volumes"]) >= 2
