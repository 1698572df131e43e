"""What the orchestrator and the cell program say to each other, validated.

The orchestrator sends one :class:`Manifest`; the cell program answers with one JSON object a line,
each an :data:`Event`. Everything a cell sends is hostile input: sizes are bounded here and unknown
fields are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from ckptmatrix.words import Mode, Phase, Result, Stage

__all__ = [
    "EVENT",
    "PROTOCOL",
    "Bye",
    "Checkpoint",
    "CheckpointFile",
    "Done",
    "Event",
    "ExceptionRecord",
    "Facts",
    "Hello",
    "Limits",
    "Manifest",
    "Model",
    "ObservationEvent",
    "Source",
    "Started",
    "Task",
    "UserCases",
    "WarningRecord",
]

PROTOCOL = 1

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TaskId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")]
Short = Annotated[str, StringConstraints(max_length=1_000)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
DottedName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200
    ),
]


def _inside(path: str) -> str:
    """Refuse a path that leaves the folder it is relative to."""
    if path.startswith("/") or "\\" in path or ".." in path.split("/") or not path.isprintable():
        msg = "must be a plain relative path"
        raise ValueError(msg)
    return path


RelativePath = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_inside)
]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Limits(_Record):
    """What one task may use. The same numbers hold in every cell.

    Attributes:
        memory_bytes: Headroom above the size of a process that has imported torch.
        output_bytes: Standard output and error of one task, together.
        result_bytes: What one task may report.
        file_bytes: Largest file a task may write.
        grace_s: Seconds between SIGTERM and SIGKILL.
    """

    memory_bytes: int = Field(default=4_000_000_000, ge=16_000_000)
    output_bytes: int = Field(default=16_000_000, ge=1_000)
    result_bytes: int = Field(default=16_000_000, ge=10_000)
    file_bytes: int = Field(default=2_000_000_000, ge=1_000)
    grace_s: float = Field(default=2.0, gt=0, le=60)


class UserCases(_Record):
    """A file of cases that is not ours: its stable module name and where it lies in the input."""

    module: Annotated[str, StringConstraints(pattern=r"^ckptcell_user_[a-z0-9_]{1,80}$")]
    path: RelativePath


class Source(_Record):
    """A checkpoint that a save is to load and save again, instead of making one.

    Attributes:
        path: Where it is, relative to the input folder.
        sha256: Digest it must have.
        mode: How it is loaded.
        container: What ``torch.save`` is to write: the zip file, or the legacy stream.
    """

    path: RelativePath
    sha256: Digest
    mode: Mode
    container: Literal["zip", "legacy"] = "zip"


class Model(_Record):
    """A user's model, into which what was loaded is put.

    Attributes:
        path: Folder that Python's search begins with, relative to the input folder.
        module: Module that has the factory: ``mine`` or ``package.mine``.
        factory: What is called, without arguments, for a new model.
    """

    path: RelativePath
    module: DottedName
    factory: DottedName


class Task(_Record):
    """One thing to do in a cell.

    Attributes:
        id: Unique in the manifest.
        case: ``name`` of a case.
        mode: How to load; None when saving.
        path: Load: the checkpoint, relative to the input folder. Save: relative to the output
            folder; its parent is made by the cell program.
        sha256: Load: digest the checkpoint must have.
        like: Load: digest of the producer's observation. An attempt that does not return exactly
            this is not plainly good and is repeated alone in a fresh process. Without one, what the
            first task of the same case and path returned takes its place.
        source: Save: load this and save what comes of it, instead of what the case makes.
        fit: Load: put what was loaded into the manifest's model, and observe how that went instead
            of the object.
        timeout_s: Seconds for one attempt.
    """

    id: TaskId
    case: Short
    mode: Mode | None = None
    path: RelativePath
    sha256: Digest | None = None
    like: Digest | None = None
    source: Source | None = None
    fit: bool = False
    timeout_s: float = Field(default=60.0, gt=0, le=86_400)


class Manifest(_Record):
    """What a job is to do: the first line of the cell program's standard input.

    Attributes:
        phase: What the tasks are.
        device: Where tensors are to live.
        user_cases: Files of cases that are not ours.
        model: The user's model; its module can be imported in every task.
        tasks: What to do, in this order.
        limits: What each task may use.
        repeat: Repeat every attempt that is not plainly good, also one that ran alone already.
    """

    protocol: Literal[1] = 1
    phase: Phase
    device: Short = "cpu"
    user_cases: tuple[UserCases, ...] = ()
    model: Model | None = None
    tasks: tuple[Task, ...] = ()
    limits: Limits = Limits()
    repeat: bool = False


class Package(_Record):
    """An installed distribution."""

    name: Short
    version: Short


class Facts(_Record):
    """What a cell says it is."""

    cell_program: Short
    python: Short
    implementation: Short
    executable: Text
    platform: Short
    machine: Short
    byteorder: Literal["little", "big"]
    libc: Short = ""
    processor: Short = ""
    cpu_count: int = Field(default=0, ge=0, le=100_000)
    torch: Short | None = None
    torch_git: Short | None = None
    torch_cuda: Short | None = None
    torch_hip: Short | None = None
    torch_config: Text = ""
    torch_error: Text = ""
    numpy: Short | None = None
    numpy_error: Text = ""
    packages: Annotated[tuple[Package, ...], Field(max_length=3_000)] = ()
    gpus: Annotated[tuple[Short, ...], Field(max_length=64)] = ()
    gpu_arches: Annotated[tuple[Short, ...], Field(max_length=200)] = ()
    gpu_driver: Short | None = None
    device_error: Text = ""
    isolation: Literal["fork", "spawn"] = "fork"
    threads: int = Field(default=1, ge=1, le=100_000)


class Hello(_Record):
    """First event of every job."""

    event: Literal["hello"]
    protocol: Literal[1]
    facts: Facts


class Started(_Record):
    """An attempt at a task begins."""

    event: Literal["started"]
    task: TaskId
    attempt: int = Field(ge=1, le=10)


class ObservationEvent(_Record):
    """An observation, sent once a job however many tasks made it.

    ``sha256`` is the digest of ``value`` as canonical JSON: sorted keys, no spaces, ASCII.
    """

    event: Literal["observation"]
    sha256: Digest
    value: dict[str, Any]


class ExceptionRecord(_Record):
    """What was raised.

    Attributes:
        type: Qualified name, ``_pickle.UnpicklingError``; builtins without a module.
        message: ``str(exception)``, at most 20,000 characters.
        traceback: The innermost frames, paths shortened to what follows ``site-packages``.
        cause: The chained exception as ``type: message``, or empty.
    """

    type: Short
    message: Text
    traceback: Text = ""
    cause: Text = ""


class WarningRecord(_Record):
    """A Python warning raised during a task."""

    category: Short
    message: Text


class CheckpointFile(_Record):
    """A file of a checkpoint, relative to the checkpoint's own path; ``.`` for a single file."""

    path: RelativePath
    bytes: int = Field(ge=0)
    sha256: Digest


class Checkpoint(_Record):
    r"""What a producer saved.

    ``sha256`` is the file's own digest, or for a folder the digest of its lines
    ``<sha256>  <path>\n`` in the order of their paths.
    """

    sha256: Digest
    bytes: int = Field(ge=0)
    files: Annotated[tuple[CheckpointFile, ...], Field(max_length=10_000)]


class Done(_Record):
    """An attempt at a task ended.

    Attributes:
        attempt: 1, or 2 for the lone repeat.
        isolation: ``shared`` after other modes of the same checkpoint, ``alone`` otherwise.
        result: How it ended.
        stage: The stage it was in when it ended.
        final: Whether no further attempt at the task follows.
        observation: Digest of an observation sent before, when there is one.
        behaviour_of: The earlier mode whose ``forward`` and ``resume`` stand for this one's: it
            showed the same state and the case says that the state is all. None where they ran.
        exception: For ``raised``.
        detail: For ``unsupported`` what is missing; for ``died`` and ``timeout`` one sentence.
        oom: Whether memory ran out: the allocator said so, or the kernel killed the process.
        tail: End of what the task printed.
        output_bytes: How much it printed in all.
    """

    event: Literal["done"]
    task: TaskId
    attempt: int = Field(ge=1, le=10)
    isolation: Literal["shared", "alone"]
    result: Result
    stage: Stage
    final: bool = True
    observation: Digest | None = None
    behaviour_of: Mode | None = None
    exception: ExceptionRecord | None = None
    detail: Text = ""
    warnings: Annotated[tuple[WarningRecord, ...], Field(max_length=100)] = ()
    seconds: float = Field(ge=0)
    peak_rss_bytes: int = Field(default=0, ge=0)
    signal: int | None = Field(default=None, ge=1, le=128)
    exit_code: int | None = Field(default=None, ge=0, le=255)
    oom: bool = False
    tail: Text = ""
    output_bytes: int = Field(default=0, ge=0)
    checkpoint: Checkpoint | None = None


class Bye(_Record):
    """Last event of a job that did everything in its manifest."""

    event: Literal["bye"]
    tasks: int = Field(ge=0)


Event = Annotated[Hello | Started | ObservationEvent | Done | Bye, Field(discriminator="event")]
EVENT: TypeAdapter[Hello | Started | ObservationEvent | Done | Bye] = TypeAdapter(Event)
