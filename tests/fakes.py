"""A provider without processes: cells are functions that speak the wire protocol.

By default a cell saves small JSON files and loads them with the same observation. A
:class:`Behaviour` says where one cell misbehaves, and ``program`` replaces what cells do.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import MAX_LINE, Cancelled, Ending, Environment, Job, JobEnd
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading

    from ckptmatrix.matrix.cell import Cell

__all__ = ["Behaviour", "FakeProvider", "FakeSide", "Steps"]

#: What a cell does: says a line (bytes) or sleeps (seconds), and ends with an exit code.
Steps = Generator[bytes | float, None, int]
_NUMPYS = ("1.26.4", "2.2.0", "1.19.5", "1.16.6")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a cell differs from a good one. Cases are named exactly.

    Attributes:
        refuses: Raised by ``prepare``.
        turns_out: The cell it turns out to be, when not the declared one.
        facts: Overrides of what it says it is.
        raises: Case → ``Type: message`` its loads raise.
        save_raises: Case → ``Type: message`` its saves raise.
        observes: Case → what its loads observe, instead of what was saved.
        dies_at: Case at whose tasks the program dies.
        hangs_at: Case at whose tasks it never ends.
        says: Said right after ``hello``.
    """

    refuses: CellError | None = None
    turns_out: Cell | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    raises: Mapping[str, str] = field(default_factory=dict)
    save_raises: Mapping[str, str] = field(default_factory=dict)
    observes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dies_at: str = ""
    hangs_at: str = ""
    says: bytes = b""


@dataclass(kw_only=True)
class FakeSide:
    """What a program finds around it in a cell of this provider."""

    cell: Cell
    behaviour: Behaviour
    manifest: dict[str, Any]
    input: Path
    output: Path
    scratch: Path
    environ: dict[str, str]
    complaints: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        self.complaints.append(text)

    def mumble(self, text: str) -> None:
        """An unfinished line is never passed on."""

    def leave_behind(self, path: Path) -> None:
        """There are no processes to leave behind."""

    def stdin_is_open(self) -> bool:
        return True


class FakeProvider:
    """See the module. Counts what it did in ``prepared`` and ``jobs``."""

    name = "fake"

    def __init__(
        self,
        behaviours: Mapping[str, Behaviour] | None = None,
        *,
        program: Callable[[FakeSide], Steps] | None = None,
        longest_line: int = MAX_LINE,
    ) -> None:
        self.behaviours = dict(behaviours or {})
        self.prepared: list[str] = []
        self.jobs: list[Job] = []
        self._program = program or good_cell
        self._longest_line = longest_line
        self._made: set[str] = set()

    def prepare(
        self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]
    ) -> Environment:
        if cancel.is_set():
            raise Cancelled
        behaviour = self.behaviours.get(cell.id, Behaviour())
        if behaviour.refuses is not None:
            raise behaviour.refuses
        self.prepared.append(cell.id)
        key = hashlib.sha256(repr(cell).encode()).hexdigest()
        reused = key in self._made
        if not reused:
            progress("pretending")
        self._made.add(key)
        actual = behaviour.turns_out or cell
        notes = ("it turned out to be another",) if behaviour.turns_out else ()
        return Environment(cell=actual, key=key, location=cell.id, notes=notes, reused=reused)

    def run_job(
        self,
        environment: Environment,
        job: Job,
        *,
        on_line: Callable[[bytes], None],
        cancel: threading.Event,
    ) -> JobEnd:
        if environment.key not in self._made:
            raise CellError(Reason.CELL_LOST, f"the environment {environment.location} is gone")
        self.jobs.append(job)
        until = time.monotonic() + job.deadline_s
        with tempfile.TemporaryDirectory() as own:
            side = self._side(environment, job, Path(own))
            steps = self._program(side)

            def end(how: Ending, code: int | None = None) -> JobEnd:
                return JobEnd(ending=how, exit_code=code, tail="\n".join(side.complaints))

            while True:
                if cancel.is_set():
                    return end(Ending.CANCELLED)
                if time.monotonic() >= until:
                    return end(Ending.DEADLINE)
                try:
                    step = next(steps)
                except StopIteration as stop:
                    return end(Ending.EXITED, stop.value)
                if isinstance(step, float):
                    cancel.wait(max(0.0, min(step, until - time.monotonic())))
                elif len(step) > self._longest_line:
                    return end(Ending.FLOODED)
                else:
                    on_line(step)

    def remove(self, environment: Environment) -> None:
        self._made.discard(environment.key)

    def _side(self, environment: Environment, job: Job, own: Path) -> FakeSide:
        given, scratch = own / "input", own / "scratch"
        given.mkdir()
        scratch.mkdir()
        for name, source in job.inputs.items():
            (given / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, given / name)
        return FakeSide(
            cell=environment.cell,
            behaviour=self.behaviours.get(environment.location, Behaviour()),
            manifest=job.manifest.model_dump(mode="json"),
            input=given,
            output=job.output,
            scratch=scratch,
            environ={"HOME": str(scratch), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"},
        )


def good_cell(side: FakeSide) -> Steps:
    """What a cell does unless a test says otherwise."""
    behaviour = side.behaviour
    yield _line(
        {"event": "hello", "protocol": 1, "facts": {**facts_of(side.cell), **behaviour.facts}}
    )
    if behaviour.says:
        yield behaviour.says
    said: set[str] = set()
    for task in side.manifest["tasks"]:
        yield _line({"event": "started", "task": task["id"], "attempt": 1})
        if behaviour.dies_at == task["case"]:
            side.complain("Segmentation fault")
            return -11
        while behaviour.hangs_at == task["case"]:
            yield 60.0
        observed, done = _attempt(side, task)
        digest = hashlib.sha256(_line(observed)).hexdigest() if observed is not None else None
        if digest is not None and digest not in said:
            said.add(digest)
            yield _line({"event": "observation", "sha256": digest, "value": observed})
        yield _line({"event": "done", "task": task["id"], "observation": digest, **_DONE, **done})
    yield _line({"event": "bye", "tasks": len(side.manifest["tasks"])})
    return 0


_DONE = {"attempt": 1, "isolation": "alone", "result": "returned", "seconds": 0.001}


def _attempt(side: FakeSide, task: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    case, saving = task["case"], side.manifest["phase"] == "save"
    wrong = (side.behaviour.save_raises if saving else side.behaviour.raises).get(case)
    if wrong is not None:
        kind, _, message = wrong.partition(": ")
        error = {"type": kind, "message": message}
        stage = "save" if saving else "load"
        return None, {"result": "raised", "stage": stage, "exception": error}
    if saving:
        leaf = {"path": "", "type": "str", "value": f"{case} of {side.cell.id}"}
        observed: Any = {"version": 1, "leaves": [leaf], "aliases": []}
        body = _line(observed)
        path = side.output / task["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        facts = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        return observed, {
            "stage": "observe",
            "checkpoint": facts | {"files": [facts | {"path": "."}]},
        }
    body = (side.input / task["path"]).read_bytes()
    if task["sha256"] not in {None, hashlib.sha256(body).hexdigest()}:
        return None, {"result": "input_mismatch", "stage": "load"}
    return dict(side.behaviour.observes.get(case) or json.loads(body)), {"stage": "observe"}


def facts_of(cell: Cell) -> dict[str, Any]:
    """What a cell that is what its id says would say."""
    requirements = [Requirement(text) for text in cell.packages]
    allowed = SpecifierSet(cell.numpy)
    return {
        "cell_program": "fake",
        "python": f"{cell.python or '3.11'}.0",
        "implementation": "CPython",
        "executable": "/fake/bin/python",
        "platform": "Linux",
        "machine": "x86_64",
        "byteorder": "little",
        "torch": cell.torch or "2.0.0",
        "torch_cuda": cell.cuda if cell.cuda[0].isdigit() else None,
        "numpy": next(version for version in _NUMPYS if version in allowed),
        "packages": [
            {"name": each.name, "version": str(each.specifier).lstrip("=<>~!") or "1.0"}
            for each in requirements
        ],
    }


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
