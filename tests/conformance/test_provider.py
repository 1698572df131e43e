"""What every provider is held to; see ``ckptmatrix.providers.base``."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled, Ending, Environment, Job, JobEnd
from ckptmatrix.wire import EVENT, Bye, Hello, Manifest, ObservationEvent, Started, Task
from ckptmatrix.words import Mode, Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from conformance.conftest import Harness

#: Within what «promptly» is: far above what it takes, far below what a hanging job would take.
PROMPT_S = 10.0


class Bench:
    """Runs jobs of the stand-in program in one environment."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness = harness
        self.folder = folder
        self.cancel = threading.Event()
        self.environment = prepare(harness)
        self._jobs = 0

    def job(
        self,
        *deeds: tuple[str, str],
        deadline_s: float = 60.0,
        inputs: Mapping[str, Path] | None = None,
    ) -> Job:
        self._jobs += 1
        output = self.folder / f"output-{self._jobs}"
        output.mkdir()
        tasks = tuple(
            Task(id=f"t{number}", case=case, path=path, mode=Mode.PLAIN)
            for number, (case, path) in enumerate(deeds)
        )
        return Job(
            id=f"job-{self._jobs}",
            manifest=Manifest(phase=Phase.LOAD, tasks=tasks),
            inputs=inputs or {},
            output=output,
            deadline_s=deadline_s,
        )

    def run(self, job: Job, on_line: Callable[[bytes], None] | None = None) -> Ran:
        lines: list[bytes] = []

        def take(line: bytes) -> None:
            lines.append(line)
            if on_line is not None:
                on_line(line)

        started = time.monotonic()
        end = self.harness.provider.run_job(self.environment, job, on_line=take, cancel=self.cancel)
        return Ran(end, lines, time.monotonic() - started)


class Ran:
    """What came of a job."""

    def __init__(self, end: JobEnd, lines: list[bytes], seconds: float) -> None:
        self.end = end
        self.lines = lines
        self.seconds = seconds

    @property
    def events(self) -> list[Any]:
        return [EVENT.validate_json(line) for line in self.lines]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [event.value for event in self.events if isinstance(event, ObservationEvent)]


def prepare(harness: Harness) -> Environment:
    return harness.provider.prepare(
        harness.cell, cancel=threading.Event(), progress=lambda _phrase: None
    )


@pytest.fixture
def bench(harness: Harness, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(harness, tmp_path)
    yield bench
    bench.cancel.set()


def test_what_was_made_is_found_ready(harness: Harness) -> None:
    first, second = prepare(harness), prepare(harness)
    assert second.reused
    assert second.seconds < 1
    assert (second.key, second.location) == (first.key, first.location)
    assert second.cell == harness.cell
    assert int(first.key, 16) >= 0


def test_what_was_removed_is_made_anew_with_the_same_key(harness: Harness, bench: Bench) -> None:
    harness.provider.remove(bench.environment)
    harness.provider.remove(bench.environment)
    phrases: list[str] = []
    again = harness.provider.prepare(
        harness.cell, cancel=threading.Event(), progress=phrases.append
    )
    assert not again.reused
    assert again.key == bench.environment.key
    assert phrases
    assert all(phrases)


def test_no_job_starts_where_nothing_is(harness: Harness, bench: Bench) -> None:
    harness.provider.remove(bench.environment)
    with pytest.raises(CellError) as caught:
        bench.run(bench.job())
    assert caught.value.reason is Reason.CELL_LOST
    prepare(harness)


def test_a_cell_that_cannot_be_made_says_why(harness: Harness) -> None:
    for reason, cell in harness.impossible.items():
        with pytest.raises(CellError) as caught:
            harness.provider.prepare(cell, cancel=threading.Event(), progress=lambda _phrase: None)
        assert caught.value.reason is reason
        assert len(caught.value.message) > 20
        assert "\n" not in caught.value.message


def test_preparing_stops_when_the_user_gave_up(harness: Harness) -> None:
    gave_up = threading.Event()
    gave_up.set()
    with pytest.raises(Cancelled):
        harness.provider.prepare(harness.cell, cancel=gave_up, progress=lambda _phrase: None)


def test_a_job_says_hello_first_and_goodbye_last(bench: Bench) -> None:
    ran = bench.run(bench.job())
    assert [type(event) for event in ran.events] == [Hello, Bye]
    assert (ran.end.ending, ran.end.exit_code) == (Ending.EXITED, 0)
    assert not ran.end.oom_killed


def test_a_job_gets_its_manifest_as_it_is(bench: Bench) -> None:
    deeds = [("show manifest", f"some/path-{number}") for number in range(3)]
    job = bench.job(*deeds)
    assert Manifest.model_validate(bench.run(job).told[0]) == job.manifest


def test_a_manifest_may_be_larger_than_a_pipe(bench: Bench) -> None:
    job = bench.job(*[("write", "folder/" + "x" * 90)] * 1_500)
    assert len(job.manifest.model_dump_json()) > 200_000
    assert bench.run(job).events[-1] == Bye(event="bye", tasks=1_500)


def test_standard_input_stays_open(bench: Bench) -> None:
    assert bench.run(bench.job(("show stdin", "x"))).told == [{"open": True}]


def test_inputs_are_where_the_manifest_says(bench: Bench, tmp_path: Path) -> None:
    file, folder = tmp_path / "a-file", tmp_path / "a-folder"
    file.write_text("from a file")
    folder.mkdir()
    (folder / "inside").write_text("from a folder")
    deeds = [("read", "given/file.pt"), ("read", "folder/inside"), ("show folders", "x")]
    ran = bench.run(bench.job(*deeds, inputs={"given/file.pt": file, "folder": folder}))
    assert [told.get("text") for told in ran.told[:2]] == ["from a file", "from a folder"]
    assert ran.told[2]["input"] == ["folder", "given"]


def test_outputs_come_back(bench: Bench) -> None:
    job = bench.job(("write", "some/where/checkpoint.pt"), ("write", "beside"))
    assert bench.run(job).end.exit_code == 0
    files = {str(p.relative_to(job.output)): p for p in job.output.rglob("*") if p.is_file()}
    assert files["some/where/checkpoint.pt"].read_text() == "written by t0"
    assert files["beside"].read_text() == "written by t1"
    assert len(files) == 2


def test_a_job_finds_nothing_of_the_one_before(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    bench.run(bench.job(("write", "old"), inputs={"given": file}))
    folders = bench.run(bench.job(("show folders", "x"))).told[0]
    assert folders == {"input": [], "output": [], "scratch": []}


def test_a_job_sees_nothing_of_the_host(bench: Bench) -> None:
    environ = bench.run(bench.job(("show environ", "x"))).told[0]
    assert not {"CKPTMATRIX_SECRET", "LD_LIBRARY_PATH", "TORCH_HOME"} & set(environ)
    assert environ["OMP_NUM_THREADS"] == "1"
    assert environ["HOME"] == environ["TMPDIR"]


def test_a_lost_program_leaves_its_last_words(bench: Bench) -> None:
    ran = bench.run(bench.job(("die", "x")))
    assert (ran.end.ending, ran.end.exit_code) == (Ending.EXITED, 7)
    assert "last words" in ran.end.tail
    assert isinstance(ran.events[-1], Started), "an unfinished line was passed on"


def test_cancelling_ends_a_job_promptly(bench: Bench) -> None:
    def give_up(line: bytes) -> None:
        if b"started" in line:
            bench.cancel.set()

    ran = bench.run(bench.job(("hang", "x")), give_up)
    assert ran.end.ending is Ending.CANCELLED
    assert ran.seconds < PROMPT_S


def test_a_job_ends_at_its_deadline(bench: Bench) -> None:
    ran = bench.run(bench.job(("hang", "x"), deadline_s=1.5))
    assert ran.end.ending is Ending.DEADLINE
    assert 1.5 <= ran.seconds < 1.5 + PROMPT_S


def test_a_line_may_be_as_long_as_the_bound(bench: Bench) -> None:
    ran = bench.run(bench.job(("say much", str(bench.harness.longest_line))))
    assert ran.end.ending is Ending.EXITED
    assert max(map(len, ran.lines)) == bench.harness.longest_line


def test_a_line_beyond_the_bound_ends_the_job(bench: Bench) -> None:
    job = bench.job(("say much", str(bench.harness.longest_line + 1)), ("hang", "x"))
    ran = bench.run(job)
    assert ran.end.ending is Ending.FLOODED
    assert max(map(len, ran.lines)) < bench.harness.longest_line


@pytest.mark.parametrize("then", ["bye", "hang", "die"])
def test_nothing_is_running_when_a_job_ended(bench: Bench, then: str) -> None:
    deeds = [("leave behind", "beats")] + ([] if then == "bye" else [(then, "x")])
    job = bench.job(*deeds, deadline_s=3.0)
    bench.run(job)
    assert_still(bench, job.output / "beats")


def test_nothing_is_running_when_the_listener_fails(bench: Bench) -> None:
    job = bench.job(("leave behind", "beats"), ("hang", "x"))

    def fail(line: bytes) -> None:
        if b'"task":"t1"' in line:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.run(job, fail)
    assert_still(bench, job.output / "beats")


def test_jobs_run_side_by_side(bench: Bench) -> None:
    waiting = threading.Event()
    ran: list[Ran] = []

    def note(line: bytes) -> None:
        if b'"t1"' in line:
            waiting.set()

    def wait() -> None:
        ran.append(bench.run(bench.job(("write", "mine"), ("hang", "x")), note))

    other = threading.Thread(target=wait)
    other.start()
    try:
        assert waiting.wait(PROMPT_S)
        assert bench.run(bench.job(("show folders", "x"))).told[0]["output"] == []
        assert other.is_alive()
    finally:
        bench.cancel.set()
        other.join(PROMPT_S)
    assert ran[0].end.ending is Ending.CANCELLED


def assert_still(bench: Bench, beats: Path) -> None:
    """What the job left behind did write, and does not any more."""
    assert beats.exists() == bench.harness.has_processes
    if bench.harness.has_processes:
        before = beats.stat().st_size
        time.sleep(0.3)
        assert beats.stat().st_size == before > 0
