"""What a job's container may do: the configuration the engine is given. Pure.

Field names are those of the Engine API's ``POST /containers/create``. Every bound here was seen to
hold from inside (``tests/integration/sandbox``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckptmatrix.providers.docker.labels import INTERPRETER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.wire import Manifest

__all__ = [
    "GIVEN",
    "INPUT",
    "OUTPUT",
    "PROGRAM",
    "SCRATCH",
    "TAKEN",
    "Bounds",
    "ImageFacts",
    "Names",
    "carrier_config",
    "job_config",
]

#: Mount points. What is given to a job is a volume it can only read; what is taken from it another.
GIVEN, TAKEN, SCRATCH = "/ckptmatrix/given", "/ckptmatrix/taken", "/ckptmatrix/scratch"
#: Inside them. A volume's own root belongs to root, so the job gets a folder of its own in it.
INPUT, PROGRAM, OUTPUT = f"{GIVEN}/input", f"{GIVEN}/cell.pyz", f"{TAKEN}/output"

#: Variables of an image that decide which interpreter and libraries are found; all others are
#: removed, so that a cell behaves the same whatever its image's author liked.
KEPT = ("PATH", "LD_LIBRARY_PATH")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a container may use beyond the limits of its tasks.

    Attributes:
        uid: User and group of the job; no image need know it.
        memory_bytes: For the supervisor, its import of torch and the pages of files.
        scratch_bytes: Size of the scratch folder, which is memory.
        scratch_files: Files in it.
        pids: Processes and threads.
        output_bytes: Size of the output folder.
        output_files: Files and folders in it.
    """

    uid: int = 10_001
    memory_bytes: int = 2_000_000_000
    scratch_bytes: int = 1_000_000_000
    scratch_files: int = 100_000
    pids: int = 256
    output_bytes: int = 8_000_000_000
    output_files: int = 100_000


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What an image brings that has to be answered.

    Attributes:
        id: The image.
        environ: Its ``ENV``.
        volumes: Its ``VOLUME`` folders, each of which would become a writable, anonymous volume.
        interpreter: What its label says, or None.
    """

    id: str
    environ: Mapping[str, str]
    volumes: tuple[str, ...]
    interpreter: str | None

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> ImageFacts:
        """Read what the engine's ``GET /images/{name}/json`` gave."""
        config = inspected.get("Config") or {}
        pairs = (text.partition("=") for text in config.get("Env") or ())
        return cls(
            id=inspected["Id"],
            environ={name: value for name, _, value in pairs},
            volumes=tuple(sorted(config.get("Volumes") or ())),
            interpreter=(config.get("Labels") or {}).get(INTERPRETER),
        )


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the parts of a job are called in the engine.

    Attributes:
        given: Volume of what the job reads.
        taken: Volume of what it writes.
        carrier: Container that is never started: volumes are filled through it.
        job: Container of the cell program.
    """

    given: str
    taken: str
    carrier: str
    job: str

    def stand_ins(self, image: ImageFacts) -> dict[str, str]:
        """Folder that an image wants a volume for → name of the volume it gets.

        The engine makes no anonymous volume that cannot be written.
        """
        return {folder: f"{self.given}-{i}" for i, folder in enumerate(image.volumes)}


def carrier_config(
    image: ImageFacts, names: Names, labels: Mapping[str, str], volume_labels: Mapping[str, str]
) -> dict[str, Any]:
    """Configuration of the container through which volumes are filled; it is never started.

    Args:
        image: Any image the engine has; nothing of it runs.
        names: The job's.
        labels: Of the container.
        volume_labels: Of both volumes, which this container brings into being.
    """
    return {
        "Image": image.id,
        "Entrypoint": ["/never-started"],
        "Cmd": [],
        "Labels": dict(labels),
        "HostConfig": {
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            "Mounts": [
                _volume(names.given, GIVEN, labels=volume_labels),
                _volume(names.taken, TAKEN, labels=volume_labels),
            ],
        },
    }


def job_config(
    image: ImageFacts,
    names: Names,
    labels: Mapping[str, str],
    *,
    interpreter: str | None,
    manifest: Manifest,
    bounds: Bounds,
    deadline_s: float,
    gpu: bool,
) -> dict[str, Any]:
    """Configuration of the container the cell program runs in.

    Args:
        image: The cell's.
        names: The job's.
        labels: Of the container, and of the volumes that stand in for the image's own.
        interpreter: The cell's own word on its interpreter, before the image's label.
        manifest: Gives the limits of one task.
        bounds: Everything else.
        deadline_s: When the cell program ends by itself, if nobody ended it before.
        gpu: Whether all GPUs of the engine are asked for.
    """
    python = interpreter or image.interpreter or "python3"
    memory = manifest.limits.memory_bytes + bounds.memory_bytes + bounds.scratch_bytes
    user = f"{bounds.uid}:{bounds.uid}"
    scratch = (
        f"rw,exec,nosuid,nodev,size={bounds.scratch_bytes},nr_inodes={bounds.scratch_files},"
        f"mode=0700,uid={bounds.uid},gid={bounds.uid}"
    )
    host: dict[str, Any] = {
        "ReadonlyRootfs": True,
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "Init": False,
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        # The default driver would write all that a cell prints to the engine's disk.
        "LogConfig": {"Type": "none"},
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": bounds.pids,
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {
                "Name": "fsize",
                "Soft": manifest.limits.file_bytes,
                "Hard": manifest.limits.file_bytes,
            },
        ],
        "Tmpfs": {SCRATCH: scratch},
        "Mounts": [
            _volume(names.given, GIVEN, read_only=True),
            _volume(names.taken, TAKEN),
            *(
                _volume(name, folder, read_only=True, copy=True, labels=labels)
                for folder, name in names.stand_ins(image).items()
            ),
        ],
    }
    if gpu:
        host["DeviceRequests"] = [
            {"Driver": "", "Count": -1, "Capabilities": [["gpu", "compute", "utility"]]}
        ]
    return {
        "Image": image.id,
        "Hostname": "cell",
        "User": user,
        "WorkingDir": SCRATCH,
        "Entrypoint": [python],
        "Cmd": [
            PROGRAM,
            *("--input", INPUT, "--output", OUTPUT, "--scratch", SCRATCH),
            *("--deadline", f"{deadline_s:g}", "--output-bytes", str(bounds.output_bytes)),
        ],
        "Env": environment(image, python),
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(labels),
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        # The engine closes the program's standard input when whoever is attached to it goes away.
        "StdinOnce": True,
        "Tty": False,
        "NetworkDisabled": True,
        "HostConfig": host,
    }


def environment(image: ImageFacts, python: str) -> list[str]:
    """All variables of a job, as ``docs/design.md`` §4 has it.

    The engine merges them over the image's own; a name without ``=`` removes one (Engine API,
    ``ContainerConfig.Env``).

    Args:
        image: Whose variables are removed but for :data:`KEPT`.
        python: Its folder comes first on the search path.
    """
    folder = python.rpartition("/")[0]
    path = image.environ.get("PATH") or _PATH
    wanted = {
        "PATH": f"{folder}:{path}" if folder else path,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": SCRATCH,
        "USER": "cell",
        "LOGNAME": "cell",
        "TMPDIR": SCRATCH,
        "XDG_CACHE_HOME": SCRATCH,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
    }
    removed = set(image.environ) - set(wanted) - set(KEPT)
    return [*(f"{name}={value}" for name, value in wanted.items()), *sorted(removed)]


def _volume(
    name: str,
    target: str,
    *,
    read_only: bool = False,
    copy: bool = False,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "Type": "volume",
        "Source": name,
        "Target": target,
        "ReadOnly": read_only,
        "VolumeOptions": {"NoCopy": not copy, "Labels": dict(labels or {})},
    }
