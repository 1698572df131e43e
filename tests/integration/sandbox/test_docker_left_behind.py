"""What is left behind by a job that is given up, or whose client is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.providers.base import Ending
from ckptmatrix.providers.docker.clean import clean
from ckptmatrix.providers.docker.labels import OWNER
from dockers import HANGS, ours

if TYPE_CHECKING:
    from dockers import Bench


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
