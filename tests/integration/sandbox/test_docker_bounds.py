"""What a checkpoint that is hostile code can do in a container: nothing outside its own folders.

Each test runs a script where the cell program would run, so that nothing but the container stands
between it and the machine.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import docker
import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.base import Ending
from ckptmatrix.providers.docker.clean import clean
from ckptmatrix.providers.docker.labels import OWNER, RUN
from ckptmatrix.providers.docker.sandbox import Bounds
from ckptmatrix.wire import Limits, Manifest, Task
from ckptmatrix.words import Mode, Phase, Reason
from dockers import BASE, Bench, Traces, engine_or_skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.api import APIClient

GIB = 1 << 30


@pytest.fixture(scope="module")
def api() -> APIClient:
    return engine_or_skip()


@pytest.fixture
def bench(api: APIClient, tmp_path: Path) -> Iterator[Bench]:
    """Whatever a test does, the engine has the same things in it afterwards."""
    before = Traces.of(api)
    yield Bench(api=api, folder=tmp_path, run_name=f"test-{os.getpid()}")
    assert Traces.of(api) == before


def loading(tasks: int = 0, **limits: Any) -> Manifest:
    return Manifest(
        phase=Phase.LOAD,
        tasks=tuple(
            Task(id=f"t{number}", case="x", mode=Mode.PLAIN, path="x") for number in range(tasks)
        ),
        limits=Limits(**limits),
    )


# --- what it can reach ---------------------------------------------------------------------------


def test_there_is_no_network(bench: Bench) -> None:
    said = bench.run("""
        import socket
        def connect(host, port):
            socket.create_connection((host, port), timeout=3).close()
        say(sorted(os.listdir("/sys/class/net")))
        say([refusal(connect, *place) for place in
             [("1.1.1.1", 443), ("172.17.0.1", 22), ("pypi.org", 443), ("169.254.169.254", 80)]])
    """).said
    assert said[0] == ["lo"]
    assert "allowed" not in said[1]


def test_it_is_nobody(bench: Bench) -> None:
    status, ids, sockets = bench.run("""
        lines = open("/proc/self/status").read().splitlines()
        say(dict(line.split(":", 1) for line in lines))
        say([os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups(), os.getpid()])
        say([path for path in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)])
    """).said
    assert ids[:4] == [10_001] * 4
    assert ids[4] in ([], [10_001])
    assert ids[5] == 1
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert sockets == []


def test_only_its_own_folders_can_be_written(bench: Bench) -> None:
    said = bench.run("""
        places = []
        for folder, _, _ in os.walk("/"):
            if folder.startswith(("/proc/", "/sys/")):
                continue
            if refusal(lambda: open(folder + "/written-by-a-checkpoint", "x").close()) == "allowed":
                places.append(folder)
        say(sorted(places))
        say([folder for folder in ("/proc", "/proc/sys/kernel", "/sys", "/sys/fs/cgroup")
             if os.access(folder, os.W_OK)])
        say([refusal(open, path, "w") for path in
             ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/etc/passwd", "/dev/kmsg")])
        say(refusal(os.mknod, OUTPUT + "/device", 0o60666, os.makedev(8, 0)))
    """).said
    # Both of the last are memory of this container alone, counted against its limit.
    assert said[0] == sorted(
        ["/ckptmatrix/scratch", "/ckptmatrix/taken/output", "/dev/mqueue", "/dev/shm"]  # noqa: S108
    )
    assert said[1] == []
    assert "allowed" not in said[2]
    assert said[3] == "Operation not permitted"


def test_other_checkpoints_cannot_be_changed(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    file.write_bytes(b"precious")
    file.chmod(0o666)
    said = bench.run(
        """
        path = INPUT + "/a/checkpoint.pt"
        say(open(path).read())
        say([refusal(open, path, "r+"), refusal(os.chmod, path, 0o666), refusal(os.unlink, path),
             refusal(os.rename, path, path + "x"), refusal(os.mkdir, INPUT + "/b"),
             refusal(open, sys.argv[0], "r+")])
        """,
        inputs={"a/checkpoint.pt": file},
    ).said
    assert said[0] == "precious"
    assert set(said[1]) <= {"Read-only file system", "Permission denied"}


def test_no_variable_of_the_host_or_the_image_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CKPTMATRIX_SECRET", "of-the-host")
    environ = bench.run("say(dict(os.environ))").said[0]
    assert set(environ) == {
        *("PATH", "LANG", "LC_ALL", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME"),
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("PYTHONHASHSEED", "PYTHONNOUSERSITE", "HOSTNAME"),
    }
    assert "of-the-host" not in str(environ)


# --- what it can use up --------------------------------------------------------------------------


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


# --- what comes back -----------------------------------------------------------------------------


def test_only_files_and_folders_come_back(bench: Bench) -> None:
    ran = bench.run("""
        os.makedirs(OUTPUT + "/folder/empty")
        open(OUTPUT + "/folder/file", "w").write("content")
        os.chmod(OUTPUT + "/folder/file", 0o4777)
        os.symlink("/etc/passwd", OUTPUT + "/link")
        os.symlink("/", OUTPUT + "/folder/root")
        os.link(OUTPUT + "/folder/file", OUTPUT + "/hard")
        os.mkfifo(OUTPUT + "/pipe")
        open(OUTPUT + "/" + "n" * 200, "w").close()
        open((OUTPUT + "/odd \\n name").encode() + b"\\xff", "w").close()
    """)
    found = {os.fsencode(path.relative_to(ran.output)) for path in ran.output.rglob("*")}
    assert {b"folder", b"folder/empty", b"n" * 200, b"odd \n name\xff"} <= found
    # A hard link is sent once as a file and then as a link: which is which is the engine's choice.
    assert found & {b"folder/file", b"hard"}
    assert not found & {b"link", b"folder/root", b"pipe"}
    for path in ran.output.rglob("*"):
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o7077 == 0 or path.is_dir()


def test_more_files_than_allowed_are_refused(bench: Bench) -> None:
    ran = bench.run(
        """
        for number in range(200):
            open(OUTPUT + "/%d" % number, "w").close()
        """,
        bounds=Bounds(output_files=100),
    )
    assert ran.end.ending is Ending.FLOODED
    assert "more than 100 files" in ran.end.tail
    assert len(list(ran.output.iterdir())) <= 100


def test_more_bytes_than_allowed_are_refused(bench: Bench) -> None:
    ran = bench.run(
        """
        for number in range(5):
            open(OUTPUT + "/%d" % number, "wb").write(b"x" * 1_000_000)
        """,
        bounds=Bounds(output_bytes=3_500_000),
    )
    assert ran.end.ending is Ending.FLOODED
    assert sum(path.stat().st_size for path in ran.output.iterdir()) <= 3_500_000


# --- images that bring their own ways ------------------------------------------------------------


@pytest.fixture
def opinionated(api: APIClient) -> Iterator[str]:
    """An image with everything that could change how a job runs."""
    made = api.create_container_from_config(  # type: ignore[no-untyped-call]
        {"Image": BASE, "Cmd": ["true"]}, "ckptmatrix-test-opinionated"
    )["Id"]
    try:
        api.start(made)
        api.wait(made)
        image = api.commit(
            made,
            changes=[
                'ENTRYPOINT ["/bin/sh", "-c", "echo hijacked; exit 3"]',
                'CMD ["nonsense"]',
                "USER 1234:1234",
                "WORKDIR /nowhere",
                "ENV TORCH_HOME=/secret LD_LIBRARY_PATH=/usr/local/lib PYTHONPATH=/secret A=b",
                "VOLUME /usr/share/doc",
                'HEALTHCHECK --interval=1s CMD ["/bin/false"]',
            ],
        )["Id"]
    finally:
        api.remove_container(made, v=True, force=True)
    yield image
    api.remove_image(image, force=True)


def test_an_opinionated_image_runs_like_any_other(
    api: APIClient, opinionated: str, tmp_path: Path
) -> None:
    before = Traces.of(api)
    bench = Bench(api=api, folder=tmp_path, image=opinionated)
    environ, ids, content, written = bench.run("""
        say(dict(os.environ))
        say([os.getuid(), os.getcwd()])
        say(len(os.listdir("/usr/share/doc")))
        say(refusal(open, "/usr/share/doc/x", "w"))
    """).said
    assert not {"TORCH_HOME", "PYTHONPATH", "A"} & set(environ)
    assert environ["LD_LIBRARY_PATH"] == "/usr/local/lib"
    assert ids == [10_001, "/ckptmatrix/scratch"]
    assert written == "Read-only file system"
    assert Traces.of(api) == before
    assert content > 0


def test_an_interpreter_that_is_not_there_is_one_sentence(bench: Bench) -> None:
    bench.cell = Cell(id="wrong", image=BASE, interpreter="/opt/no/python")
    with pytest.raises(CellError) as caught:
        bench.run("")
    assert caught.value.reason is Reason.PYTHON_NOT_FOUND
    assert "/opt/no/python" in caught.value.message
    assert "interpreter" in caught.value.message


def test_a_gpu_that_is_not_there_is_one_sentence(bench: Bench) -> None:
    if "nvidia" in bench.api.info()["Runtimes"]:
        pytest.skip("this engine has GPUs to give")
    with pytest.raises(CellError) as caught:
        bench.run("", manifest=Manifest(phase=Phase.LOAD, device="cuda:0"))
    assert caught.value.reason is Reason.HOST_UNSUPPORTED
    assert "cuda:0" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_probe_goes_without_a_gpu_that_is_not_there(bench: Bench) -> None:
    assert bench.run("say(1)", manifest=Manifest(phase=Phase.PROBE)).said == [1]


# --- what is left behind -------------------------------------------------------------------------

HANGS = """
    say("begun")
    sys.stdin.read()
    say("standard input closed")
    os._exit(4)
"""


def test_cancelling_leaves_nothing(bench: Bench) -> None:
    ran = bench.run(
        """
        open(OUTPUT + "/half", "w").write("made")
        say("begun")
        sys.stdin.read()
        """,
        on_line=lambda _line: bench.cancel.set(),
    )
    assert ran.end.ending is Ending.CANCELLED
    assert (ran.output / "half").read_text() == "made"
    assert ran.seconds < 10


def test_giving_up_while_files_are_sent_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.cancel.set()
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    assert bench.run("say(1)", inputs={"a": file}).end.ending is Ending.CANCELLED


def test_an_input_that_is_gone_is_one_sentence(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(CellError) as caught:
        bench.run("say(1)", inputs={"a": tmp_path / "nothing"})
    assert str(tmp_path / "nothing") in caught.value.message


def client(bench: Bench, script: str) -> subprocess.Popen[str]:
    """Another process that runs a script as a job; says when the job has said something."""
    code = f"""
import sys, pathlib
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from dockers import Bench, engine_or_skip
folder = pathlib.Path({str(bench.folder)!r})
bench = Bench(api=engine_or_skip(), folder=folder, run_name={bench.run_name!r})
bench.run({script!r}, on_line=lambda line: print(line.decode(), flush=True), deadline_s=600)
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def ours(bench: Bench) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.api.containers(
        all=True, filters={"label": f"{RUN}={bench.run_name}"}
    )
    return found


def test_a_killed_client_leaves_a_container_that_ends_and_is_cleaned_away(bench: Bench) -> None:
    process = client(bench, HANGS)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == '"begun"\n'
        container = ours(bench)[0]
        assert container["State"] == "running"
        assert f"|{process.pid}|" in container["Labels"][OWNER]
        name = container["Names"][0].lstrip("/")
        assert name.startswith("ckptmatrix-")
        spared = clean(bench.api)
        assert name in spared.spared
        assert name not in spared.containers
        assert len([each for each in spared.spared if each.startswith("ckptmatrix-job-")]) >= 3
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    until = time.monotonic() + 10
    while ours(bench)[0]["State"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    state = bench.api.inspect_container(container["Id"])["State"]
    assert (state["Running"], state["ExitCode"]) == (False, 4)
    cleaned = clean(bench.api)
    assert name in cleaned.containers
    assert len(cleaned.volumes) >= 2
    assert ours(bench) == []


class Forward(socketserver.StreamRequestHandler):
    """Passes bytes between a client and the engine."""

    engine: ClassVar[str]
    cut: ClassVar[threading.Event]

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.engine)
            back = threading.Thread(target=self.pass_on, args=(engine, self.request), daemon=True)
            back.start()
            self.pass_on(self.request, engine)
            back.join()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while not self.cut.is_set():
                if select.select([source], [], [], 0.1)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        break
                    target.sendall(data)
            how = socket.SHUT_RDWR if self.cut.is_set() else socket.SHUT_WR
            target.shutdown(how)
            source.shutdown(socket.SHUT_RDWR if self.cut.is_set() else socket.SHUT_RD)


@pytest.fixture
def far(bench: Bench) -> Iterator[tuple[Bench, threading.Event]]:
    """The same engine over TCP, and what cuts it off."""
    where = "/var/run/docker.sock"
    if os.environ.get("DOCKER_HOST") or not Path(where).is_socket():
        pytest.skip("the engine is not at its usual socket")
    cut = threading.Event()
    handler = type("Handler", (Forward,), {"engine": where, "cut": cut})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = docker.APIClient(f"tcp://127.0.0.1:{server.server_address[1]}", version="auto")
        yield Bench(api=api, folder=bench.folder, run_name=bench.run_name), cut
        api.close()
        server.shutdown()


def test_an_engine_far_away_works_the_same(
    far: tuple[Bench, threading.Event], tmp_path: Path
) -> None:
    bench, _ = far
    file = tmp_path / "file"
    file.write_bytes(b"x" * 5_000_000)
    ran = bench.run(
        """
        say(os.path.getsize(INPUT + "/file"))
        open(OUTPUT + "/big", "wb").write(b"y" * 5_000_000)
        """,
        inputs={"file": file},
    )
    assert ran.said == [5_000_000]
    assert (ran.output / "big").stat().st_size == 5_000_000


def test_an_engine_that_goes_away_is_one_sentence(
    bench: Bench, far: tuple[Bench, threading.Event]
) -> None:
    away, cut = far
    with pytest.raises(CellError) as caught:
        away.run(HANGS, on_line=lambda _line: cut.set())
    assert caught.value.reason is Reason.CELL_LOST
    assert "Docker engine" in caught.value.message
    until = time.monotonic() + 10
    while any(each["State"] == "running" for each in ours(bench)) and time.monotonic() < until:
        time.sleep(0.05)
    assert [each["State"] for each in ours(bench)] == ["exited"]
    for each in ours(bench):
        bench.api.remove_container(each["Id"], v=True)
    for each in bench.api.volumes(filters={"label": f"{RUN}={bench.run_name}"})["Volumes"]:
        bench.api.remove_volume(each["Name"])


def test_a_job_costs_little(bench: Bench) -> None:
    ran = [bench.run("say(1)") for _ in range(3)]
    fastest = min(ran, key=lambda each: each.seconds)
    figures = f"first line after {fastest.first_s:.2f} s, all of it {fastest.seconds:.2f} s"
    print("\na job:", figures)  # noqa: T201 - the figures are what this test is for
    assert fastest.seconds < 10
