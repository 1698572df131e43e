"""The manifest: the first line of standard input, checked by hand.

The orchestrator has validated it already (``ckptmatrix.wire.Manifest``); this is the cell program's
own check that it understands every field, so that an orchestrator and a cell program of different
ages refuse each other instead of misunderstanding.
"""

import json
import re
from typing import NamedTuple, Optional, Tuple

from ckptcell.errors import ManifestError

__all__ = [
    "LOAD_MODES",
    "PROTOCOL",
    "Limits",
    "Manifest",
    "Model",
    "Source",
    "Task",
    "UserCases",
    "parse",
]

PROTOCOL = 1


class Limits(NamedTuple):
    """What one task may use."""

    memory_bytes: int
    output_bytes: int
    result_bytes: int
    file_bytes: int
    grace_s: float


class UserCases(NamedTuple):
    """A user's file of cases: its module name, and where it lies in the input folder."""

    module: str
    path: str


class Source(NamedTuple):
    """A checkpoint to load and save again: where, what it is, how to load it, what to write."""

    path: str
    sha256: str
    mode: str
    container: str


class Model(NamedTuple):
    """A user's model: the folder to search first, the module in it, and what makes the model."""

    path: str
    module: str
    factory: str


class Task(NamedTuple):
    """One thing to do. ``mode`` is None when saving."""

    id: str
    case: str
    mode: Optional[str]
    path: str
    sha256: Optional[str]
    like: Optional[str]
    source: Optional[Source]
    fit: bool
    timeout_s: float


class Manifest(NamedTuple):
    """What a job is to do."""

    phase: str
    device: str
    user_cases: Tuple[UserCases, ...]
    model: Optional[Model]
    tasks: Tuple[Task, ...]
    limits: Limits
    repeat: bool


_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_TASK_ID = re.compile(r"[a-z0-9]{1,32}\Z")
_USER_MODULE = re.compile(r"ckptcell_user_[a-z0-9_]{1,80}\Z")
_DEVICE = re.compile(r"[a-z]+(:[0-9]+)?\Z")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_CONTAINERS = ("zip", "legacy")
_PHASES = ("probe", "save", "load")
_LONGEST_S = 86400
#: Every way to load: those people use by themselves, and cures.
LOAD_MODES = (
    "plain",
    "mapped",
    "restricted",
    "mmap",
    "allowlisted",
    "trusted",
    "stripped",
    "prefixed",
    "partial",
)

_DEFAULT_LIMITS = Limits(
    memory_bytes=4000000000,
    output_bytes=16000000,
    result_bytes=16000000,
    file_bytes=2000000000,
    grace_s=2.0,
)


def _matches(pattern):
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _relative(value):
    return (
        isinstance(value, str)
        and bool(value)
        and not value.startswith("/")
        and "\\" not in value
        and ".." not in value.split("/")
        and "\0" not in value
    )


def _seconds(value):
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _LONGEST_S
    )


def _whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _or_none(check):
    return lambda value: value is None or check(value)


def _a(kind):
    return lambda value: isinstance(value, kind)


def _fields(value, where, checks, defaults):
    """The fields of one record: known ones only, each as its check wants it."""
    if not isinstance(value, dict):
        msg = "{} is not an object".format(where)
        raise ManifestError(msg)
    unknown = sorted(set(value) - set(checks))
    if unknown:
        msg = "{} has a field {!r} this program does not know".format(where, unknown)
        raise ManifestError(msg)
    fields = dict(defaults)
    fields.update(value)
    for name, check in checks.items():
        if name not in fields:
            msg = "{} has no {}".format(where, name)
            raise ManifestError(msg)
        if not check(fields[name]):
            msg = "{}: {} cannot be {!r:.200}".format(where, name, fields[name])
            raise ManifestError(msg)
    return fields


def _limits(value):
    checks = dict.fromkeys(Limits._fields, _whole)
    checks["grace_s"] = _seconds
    return Limits(**_fields(value, "limits", checks, _DEFAULT_LIMITS._asdict()))


def _task(value, where):
    checks = {
        "id": _matches(_TASK_ID),
        "case": _a(str),
        "mode": _or_none(lambda mode: mode in LOAD_MODES),
        "path": _relative,
        "sha256": _or_none(_matches(_DIGEST)),
        "like": _or_none(_matches(_DIGEST)),
        "source": _or_none(_a(dict)),
        "fit": _a(bool),
        "timeout_s": _seconds,
    }
    defaults = {
        "mode": None,
        "sha256": None,
        "like": None,
        "source": None,
        "fit": False,
        "timeout_s": 60.0,
    }
    fields = _fields(value, where, checks, defaults)
    if fields["source"] is not None:
        fields["source"] = _source(fields["source"], "the source of " + where)
    return Task(**fields)


def _source(value, where):
    checks = {
        "path": _relative,
        "sha256": _matches(_DIGEST),
        "mode": lambda mode: mode in LOAD_MODES,
        "container": lambda container: container in _CONTAINERS,
    }
    return Source(**_fields(value, where, checks, {"container": "zip"}))


def _model(value):
    checks = {"path": _relative, "module": _matches(_DOTTED), "factory": _matches(_DOTTED)}
    return Model(**_fields(value, "the model", checks, {}))


def _user_cases(value, where):
    checks = {"module": _matches(_USER_MODULE), "path": _relative}
    return UserCases(**_fields(value, where, checks, {}))


def _check_tasks(tasks, phase, model):
    if len({task.id for task in tasks}) != len(tasks):
        msg = "two tasks have the same id"
        raise ManifestError(msg)
    for task in tasks:
        if phase == "probe" or (task.mode is None) != (phase == "save"):
            msg = "task {} with mode {} does not belong in a {} job".format(
                task.id, task.mode, phase
            )
            raise ManifestError(msg)
        if (task.source is not None and phase != "save") or (
            task.fit and (phase != "load" or model is None)
        ):
            msg = "task {} asks for what a {} job cannot do".format(task.id, phase)
            raise ManifestError(msg)


def parse(line):
    """The manifest in ``line``.

    Args:
        line: Bytes of one JSON object.

    Raises:
        ManifestError: It is not one, or has something this program does not understand.
    """
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = "not JSON: {}".format(error)
        raise ManifestError(msg) from None
    if isinstance(value, dict) and value.get("protocol") != PROTOCOL:
        msg = "protocol {!r:.100} is not the protocol {} of this program".format(
            value.get("protocol"), PROTOCOL
        )
        raise ManifestError(msg)
    checks = {
        "protocol": _whole,
        "phase": lambda phase: phase in _PHASES,
        "device": _matches(_DEVICE),
        "user_cases": _a(list),
        "model": _or_none(_a(dict)),
        "tasks": _a(list),
        "limits": _a(dict),
        "repeat": _a(bool),
    }
    defaults: dict = {
        "device": "cpu",
        "user_cases": [],
        "model": None,
        "tasks": [],
        "limits": {},
        "repeat": False,
    }
    fields = _fields(value, "the manifest", checks, defaults)
    del fields["protocol"]
    tasks = tuple(_task(item, "task {}".format(n)) for n, item in enumerate(fields["tasks"]))
    if fields["model"] is not None:
        fields["model"] = _model(fields["model"])
    _check_tasks(tasks, fields["phase"], fields["model"])
    fields["tasks"] = tasks
    fields["user_cases"] = tuple(_user_cases(item, "user_cases") for item in fields["user_cases"])
    fields["limits"] = _limits(fields["limits"])
    return Manifest(**fields)
