"""The shipped .pyz, executed by every Python this machine has, with cases that need no torch."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cell_jobs import CellFolders, JobRun, interpreters, is_running
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.wire import Done, Limits, Manifest, Started, Task, UserCases
from ckptmatrix.words import Mode, Phase, Result, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).parents[1] / "fixtures" / "torchless_cases.py"
USER_CASES = (UserCases(module="ckptcell_user_torchless", path="cases/torchless.py"),)
LIMITS = Limits(
    memory_bytes=200_000_000,
    output_bytes=1_000_000,
    result_bytes=100_000,
    file_bytes=4_000_000,
    grace_s=0.2,
)
SAVED = (
    "good",
    "trained",
    "hides_its_state",
    "shows_its_state",
    "folder",
    "never_saved",
    "cannot_save",
    "needs",
    "too_large_a_file",
)
#: Case → modes; each case has a checkpoint of its own, so its modes share a child.
LOADED = {
    "good": ("plain", "mapped", "trusted"),
    "trained": ("plain",),
    "hides_its_state": ("plain", "trusted"),
    "shows_its_state": ("plain", "mmap", "trusted"),
    "folder": ("plain",),
    "needs": ("plain",),
    "raises": ("plain", "mapped"),
    "aborts": ("plain", "mapped"),
    "hangs": ("plain", "mapped"),
    "hangs_on": ("plain",),
    "floods": ("plain",),
    "prints": ("plain", "mapped"),
    "hogs": ("plain", "mapped"),
    "exits": ("plain",),
    "exits_hard": ("plain",),
    "leaves_a_process": ("plain", "mapped"),
    "leaves_a_thread": ("plain", "mapped"),
    "poisons": ("plain", "mapped"),
    "rewrites": ("plain", "mapped"),
    "forges": ("plain", "mapped"),
    "deaf": ("plain",),
    "warns": ("plain", "mapped"),
    "reports_too_much": ("plain", "mapped"),
    "reports_nonsense": ("plain",),
    "forward_fails": ("plain",),
    "no_such_mode": ("plain", "mapped"),
    "sees_conditions": ("plain",),
    "no_such_case": ("plain",),
}


def task_id(case: str, mode: str = "") -> str:
    return (case + mode).replace("_", "")[:32]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All saves and loads in one interpreter."""

    version: str
    cell: CellFolders
    saves: JobRun
    loads: JobRun

    def saved(self, case: str) -> Done:
        return self.saves.dones[task_id(case), 1]

    def attempts(self, case: str, mode: str = "plain") -> list[Done]:
        dones = self.loads.dones
        return [dones[key] for key in sorted(dones) if key[0] == task_id(case, mode)]

    def only(self, case: str, mode: str = "plain") -> Done:
        (done,) = self.attempts(case, mode)
        return done


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_cell_program(tmp_path_factory.mktemp("program"))


@pytest.fixture
def cell(program: Path, tmp_path: Path) -> CellFolders:
    made = CellFolders(interpreter=sys.executable, program=[str(program)], root=tmp_path)
    (made.input / "cases").mkdir()
    shutil.copy(CASES, made.input / "cases" / "torchless.py")
    (made.input / "checkpoint").write_bytes(b"")
    return made


@pytest.fixture(scope="module", params=list(interpreters()))
def survey(
    request: pytest.FixtureRequest, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Survey:
    version: str = request.param
    cell = CellFolders(
        interpreter=interpreters()[version],
        program=[str(program)],
        root=tmp_path_factory.mktemp("cell"),
        environ={"TORCH_HOME": "/elsewhere", "PYTHONPATH": "/elsewhere", "OMP_NUM_THREADS": "8"},
    )
    (cell.input / "cases").mkdir()
    shutil.copy(CASES, cell.input / "cases" / "torchless.py")
    saves = cell.run(
        Manifest(
            phase=Phase.SAVE,
            user_cases=USER_CASES,
            limits=LIMITS,
            tasks=tuple(Task(id=task_id(case), case=case, path=f"{case}/saved") for case in SAVED),
        )
    )
    good = saves.dones["good", 1]
    assert good.checkpoint is not None
    tasks = []
    for case, modes in LOADED.items():
        source = cell.output / (case if case in ("trained", "folder") else "good") / "saved"
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, cell.input / case)
        reference = saves.dones.get((task_id(case), 1))
        saved = (reference and reference.checkpoint) or good.checkpoint
        tasks += [
            Task(
                id=task_id(case, mode),
                case=case,
                mode=Mode(mode),
                path=case,
                sha256=saved.sha256,
                like=(reference and reference.observation) or good.observation,
                timeout_s=1.0 if case in ("hangs", "hangs_on") else 20.0,
            )
            for mode in modes
        ]
    loads = cell.run(
        Manifest(phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=tuple(tasks))
    )
    return Survey(version=version, cell=cell, saves=saves, loads=loads)


def test_every_python_of_this_machine_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(
            f"\n  the cell program is executed by Python {', '.join(interpreters())}\n"
        )
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in interpreters()


def test_a_job_says_hello_does_every_task_and_says_goodbye(survey: Survey) -> None:
    for job, count in (
        (survey.saves, len(SAVED)),
        (survey.loads, sum(len(modes) for modes in LOADED.values())),
    ):
        assert job.code == 0, job.stderr
        assert [event.event for event in job.events].count("hello") == 1
        assert job.events[-1].model_dump() == {"event": "bye", "tasks": count}
        assert len({task for task, _ in job.dones}) == count


def test_started_and_done_alternate(survey: Survey) -> None:
    steps = [
        (type(event), event.task, event.attempt)
        for event in survey.loads.events
        if isinstance(event, (Started, Done))
    ]
    assert [step[0] for step in steps] == [Started, Done] * (len(steps) // 2)
    assert [step[1:] for step in steps[::2]] == [step[1:] for step in steps[1::2]]


def test_facts_are_those_of_the_interpreter(survey: Survey) -> None:
    facts = survey.saves.facts
    assert facts.python.startswith(survey.version + ".")
    assert facts.cpu_count >= 1
    assert facts.isolation == "fork"
    assert facts.torch is None
    assert "torch" in facts.torch_error
    assert facts.libc.startswith("glibc ")
    assert {package.name.lower() for package in facts.packages} >= {"pip"}


def test_a_save_is_hashed_and_observed(survey: Survey) -> None:
    done = survey.saved("good")
    content = (survey.cell.output / "good" / "saved").read_bytes()
    assert (done.result, done.stage, done.isolation) == (Result.RETURNED, Stage.OBSERVE, "alone")
    assert done.checkpoint is not None
    assert done.checkpoint.sha256 == hashlib.sha256(content).hexdigest()
    assert [file.path for file in done.checkpoint.files] == ["."]
    assert done.checkpoint.bytes == len(content)
    assert done.observation is not None
    leaves = survey.saves.observations[done.observation].value["leaves"]
    assert leaves[0]["class"] == "ckptcell_user_torchless.Thing"
    assert done.peak_rss_bytes > 1_000_000
    assert (done.signal, done.exit_code, done.oom) == (None, None, False)


def test_a_saved_folder_is_the_digest_of_its_lines(survey: Survey) -> None:
    checkpoint = survey.saved("folder").checkpoint
    assert checkpoint is not None
    assert [file.path for file in checkpoint.files] == ["a", "b", "deep/c"]
    lines = "".join(
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a", "b", "deep/c")
    )
    assert checkpoint.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_forward_and_resume_follow_where_a_case_has_them(survey: Survey) -> None:
    done = survey.only("trained")
    assert (done.result, done.stage) == (Result.RETURNED, Stage.RESUME)
    assert done.observation == survey.saved("trained").observation
    assert done.observation is not None
    value = survey.loads.observations[done.observation].value
    assert [leaf.get("value") for leaf in value["forward"]["leaves"][1:]] == [3.0, 5.0]
    assert value["resume"] == {"losses": [1.0, 0.5, "nan"]}


def test_what_does_not_show_may_behave_otherwise_in_every_mode(survey: Survey) -> None:
    assert survey.only("hides_its_state").result is Result.RETURNED
    for done in survey.attempts("hides_its_state", "trusted"):
        assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)
        assert done.behaviour_of is None


def test_behaviour_is_run_once_where_a_case_says_that_the_state_is_all(survey: Survey) -> None:
    plain, trusted = (survey.only("shows_its_state", mode) for mode in ("plain", "trusted"))
    assert (plain.behaviour_of, trusted.behaviour_of) == (None, Mode.PLAIN)
    assert (trusted.result, trusted.stage) == (Result.RETURNED, Stage.FORWARD)
    assert trusted.observation == plain.observation
    for done in survey.attempts("shows_its_state", "mmap"):
        assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)


def test_the_last_attempt_at_every_task_says_so(survey: Survey) -> None:
    for job in (survey.saves, survey.loads):
        last = {task: max(n for other, n in job.dones if other == task) for task, _ in job.dones}
        assert {key: done.final for key, done in job.dones.items()} == {
            (task, attempt): attempt == last[task] for task, attempt in job.dones
        }
    assert not all(done.final for done in survey.loads.dones.values())


@pytest.mark.parametrize(
    ("case", "result", "said"),
    [
        ("never_saved", Result.RAISED, "No such file"),
        ("too_large_a_file", Result.RAISED, "File too large"),
        ("cannot_save", Result.UNSUPPORTED, "this environment has no such thing"),
        ("needs", Result.UNSUPPORTED, "json.no_such_function"),
    ],
)
def test_a_save_that_cannot_be(survey: Survey, case: str, result: Result, said: str) -> None:
    done = survey.saved(case)
    assert (done.result, done.stage, done.checkpoint) == (result, Stage.SAVE, None)
    assert said in (done.exception.message if done.exception else done.detail)


def test_modes_of_one_checkpoint_share_a_child(survey: Survey) -> None:
    assert [survey.only("good", mode).isolation for mode in LOADED["good"]] == [
        "alone",
        "shared",
        "shared",
    ]
    assert {survey.only("good", mode).observation for mode in LOADED["good"]} == {
        survey.saved("good").observation
    }


def test_an_exception_is_reported_within_bounds(survey: Survey) -> None:
    first, second = survey.attempts("raises"), survey.attempts("raises", "mapped")
    assert [(done.attempt, done.isolation) for done in first] == [(1, "alone")]
    assert [(done.attempt, done.isolation) for done in second] == [(1, "shared"), (2, "alone")]
    exception = first[0].exception
    assert exception is not None
    assert exception.type == "RuntimeError"
    assert exception.message.startswith("cannot: \\ud800xxx")
    assert len(exception.message) == 20_000
    assert exception.cause.startswith("json.decoder.JSONDecodeError: Expecting")
    assert "cases/torchless.py:" not in exception.traceback
    assert "torchless.py:" in exception.traceback


def test_a_crash_is_blamed_on_its_task_alone(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("aborts", mode)
        assert (done.result, done.stage, done.isolation) == (Result.DIED, Stage.LOAD, "alone")
        assert (done.signal, done.exit_code) == (signal.SIGABRT, None)
        assert "about to abort" in done.tail
        assert not done.oom


def test_a_hang_times_out_even_when_it_ignores_being_asked(survey: Survey) -> None:
    for done in (survey.only("hangs"), survey.only("hangs", "mapped"), survey.only("hangs_on")):
        assert (done.result, done.stage) == (Result.TIMEOUT, Stage.LOAD)
        assert 1.0 <= done.seconds < 3.0


def test_a_flood_is_stopped(survey: Survey) -> None:
    done = survey.only("floods")
    assert done.result is Result.OUTPUT_FLOOD
    assert LIMITS.output_bytes < done.output_bytes < 20 * LIMITS.output_bytes
    assert done.tail.endswith("x\n") or done.tail.endswith("x")


def test_what_is_printed_is_counted_for_its_own_task(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.attempts("prints", mode)[0]
        assert done.output_bytes == len(mode) + 1 + 20_000 + len("end of ") + len(mode) + 1
        assert done.tail.endswith(f"end of {mode}\n")
        assert len(done.tail) == 8192


def test_memory_runs_out_cleanly_and_leaves_the_child_usable(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.attempts("hogs", mode)[0]
        assert (done.result, done.oom) == (Result.RAISED, True)
        assert done.exception is not None
        assert done.exception.type == "MemoryError"


def test_an_exit_is_an_exception_or_an_end(survey: Survey) -> None:
    asked, taken = survey.only("exits"), survey.only("exits_hard")
    assert asked.exception is not None
    assert (asked.result, asked.exception.type) == (Result.RAISED, "SystemExit")
    assert (taken.result, taken.exit_code, taken.signal) == (Result.DIED, 7, None)


def test_a_process_left_behind_holds_nothing_up_and_is_killed(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("leaves_a_process", mode)
        assert (done.result, done.isolation) == (Result.RETURNED, "alone")
        left = int((survey.cell.scratch / f"left-{mode}").read_text(encoding="utf-8"))
        assert not is_running(left)


@pytest.mark.parametrize("case", ["leaves_a_thread", "poisons", "warns"])
def test_what_a_task_leaves_in_its_process_does_not_reach_the_next(
    survey: Survey, case: str
) -> None:
    done = survey.only(case, "mapped")
    assert (done.isolation, done.observation) == ("alone", survey.saved("good").observation)


def test_a_checkpoint_that_was_written_to_is_not_loaded_again(survey: Survey) -> None:
    first, second = survey.only("rewrites"), survey.only("rewrites", "mapped")
    assert first.result is Result.RETURNED
    assert (second.result, second.isolation) == (Result.INPUT_MISMATCH, "alone")
    assert second.observation is None


def test_forged_events_are_text_or_an_end(survey: Survey) -> None:
    for mode in ("plain", "mapped"):
        done = survey.only("forges", mode)
        assert done.result is Result.DIED
        assert "reported" in done.detail
        assert '"event":"bye"' in done.tail
        assert (done.signal, done.exit_code) == (None, None)


def test_a_child_that_hangs_up_is_ended(survey: Survey) -> None:
    done = survey.only("deaf")
    assert (done.result, done.signal) == (Result.DIED, None)
    assert "closed its result pipe" in done.detail


def test_warnings_are_bounded_and_each_there_once(survey: Survey) -> None:
    heard = survey.only("warns").warnings
    assert len(heard) == 100
    assert len({(warning.category, warning.message) for warning in heard}) == 100
    assert {warning.category for warning in heard} == {"FutureWarning", "DeprecationWarning"}


def test_an_observation_that_cannot_be_sent_is_an_error_of_observing(survey: Survey) -> None:
    for case, kind in (
        ("reports_too_much", "ckptcell.errors.ResultTooLarge"),
        ("reports_nonsense", "ValueError"),
    ):
        done = survey.attempts(case)[0]
        assert (done.result, done.stage, done.observation) == (Result.RAISED, Stage.OBSERVE, None)
        assert done.exception is not None
        assert done.exception.type == kind


def test_what_was_observed_before_a_failure_is_kept(survey: Survey) -> None:
    done = survey.only("forward_fails")
    assert (done.result, done.stage) == (Result.RAISED, Stage.FORWARD)
    assert done.observation == survey.saved("good").observation


def test_what_is_missing_is_named_and_not_repeated(survey: Survey) -> None:
    for case, mode, said in (
        ("needs", "plain", "no_such_package.load is missing"),
        ("no_such_mode", "plain", "no plain"),
        ("no_such_mode", "mapped", "no mapped"),
        ("no_such_case", "plain", "no case 'no_such_case'"),
    ):
        done = survey.only(case, mode)
        assert (done.result, done.stage) == (Result.UNSUPPORTED, Stage.LOAD)
        assert said in done.detail


def test_tasks_run_under_the_same_conditions_everywhere(survey: Survey) -> None:
    done = survey.attempts("sees_conditions")[0]
    assert done.observation is not None
    leaves = survey.loads.observations[done.observation].value["leaves"]
    seen = {leaf["path"]: leaf.get("value") for leaf in leaves}
    assert seen["['OMP_NUM_THREADS']"] == "1"
    assert seen["['PYTHONHASHSEED']"] == "0"
    assert seen["['TORCH_HOME']"] is None
    assert seen["['PYTHONPATH']"] is None
    assert seen["['USER']"]
    assert seen["['stdin']"] == ""
    assert seen["['folder']"] == str(survey.cell.scratch)


def test_no_core_file_is_left(survey: Survey) -> None:
    assert not [path for path in survey.cell.root.rglob("core*") if path.is_file()]


def load_of(case: str, **fields: object) -> Manifest:
    task = Task(id="one", case=case, mode=Mode.PLAIN, path="checkpoint")
    return Manifest(
        phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=(task,)
    ).model_copy(update=fields)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_job_whose_supervisor_is_killed_just_ends(cell: CellFolders) -> None:
    job = cell.run(load_of("kills_its_parent"))
    assert job.code == -signal.SIGKILL
    assert [event.event for event in job.events] == ["hello", "started"]
    child = int((cell.scratch / "child").read_text(encoding="utf-8"))
    assert until(lambda: not is_running(child))


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_closing_standard_input_ends_everything(cell: CellFolders, isolation: str) -> None:
    cell = CellFolders(
        interpreter=cell.interpreter,
        program=cell.program,
        root=cell.root,
        environ={"CKPTCELL_ISOLATION": isolation},
    )
    process = cell.start(load_of("waits_to_be_killed").model_dump_json().encode())
    left = cell.scratch / "left-plain"
    assert until(lambda: left.is_file() and bool(left.read_text(encoding="utf-8")))
    assert process.stdin is not None
    process.stdin.close()
    closed = time.monotonic()
    job = cell.finish(process, closed)
    assert job.code == 4, job.stderr
    assert job.seconds < 2
    assert job.events[-1].event == "started"
    assert not is_running(int(left.read_text(encoding="utf-8")))


def test_a_reader_that_goes_away_ends_the_job(cell: CellFolders) -> None:
    process = cell.start(load_of("hangs").model_dump_json().encode())
    assert process.stdout is not None
    process.stdout.close()
    with process:
        assert process.wait(20) == 4


def test_being_asked_to_end_leaves_nothing(cell: CellFolders) -> None:
    process = cell.start(load_of("waits_to_be_killed").model_dump_json().encode())
    left = cell.scratch / "left-plain"
    assert until(lambda: left.is_file() and bool(left.read_text(encoding="utf-8")))
    process.terminate()
    job = cell.finish(process, time.monotonic())
    assert job.code == 128 + signal.SIGTERM
    assert not is_running(int(left.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"what?", "not JSON"),
        (b'{"protocol": 2}', "protocol 2"),
        (b'{"protocol": 1, "phase": "load", "surprise": 1}', "surprise"),
    ],
)
def test_a_manifest_it_does_not_understand(cell: CellFolders, line: bytes, said: str) -> None:
    job = cell.finish(cell.start(line), time.monotonic())
    assert (job.code, job.events) == (2, [])
    assert said in job.stderr
    assert "Traceback" not in job.stderr


def test_everything_is_repeated_when_asked_for(cell: CellFolders) -> None:
    job = cell.run(load_of("exits_hard", repeat=True))
    assert [key[1] for key in job.dones] == [1, 2]
    assert {done.isolation for done in job.dones.values()} == {"alone"}


def test_spawned_children_answer_like_forked_ones(cell: CellFolders) -> None:
    spawning = CellFolders(
        interpreter=cell.interpreter,
        program=cell.program,
        root=cell.root,
        environ={"CKPTCELL_ISOLATION": "spawn"},
    )
    tasks = tuple(
        Task(id=task_id(case, mode), case=case, mode=Mode(mode), path="checkpoint", timeout_s=5)
        for case in ("sees_conditions", "aborts", "prints")
        for mode in ("plain", "mapped")
    )
    manifest = Manifest(phase=Phase.LOAD, user_cases=USER_CASES, limits=LIMITS, tasks=tasks)
    forked, spawned = cell.run(manifest), spawning.run(manifest)
    assert spawned.facts.isolation == "spawn"
    assert spawned.facts.model_copy(update={"isolation": "fork"}) == forked.facts
    timing = {"seconds": 0.0, "peak_rss_bytes": 0}
    assert [done.model_copy(update=timing) for done in spawned.dones.values()] == [
        done.model_copy(update=timing) for done in forked.dones.values()
    ]


def test_a_relative_path_and_set_conditions_need_no_second_start(
    cell: CellFolders, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program.parent)
    relative = CellFolders(
        interpreter=cell.interpreter,
        program=[program.name],
        root=cell.root,
        environ={"HOME": str(cell.scratch / "home")},
    )
    job = relative.run(load_of("sees_conditions"))
    assert job.code == 0, job.stderr
    assert job.dones["one", 1].result is Result.RETURNED
