"""Checks what a child reports before any of it becomes an event.

A child runs code of checkpoints, so its words are checked like a stranger's: right types, right
sizes, nothing that a strict JSON reader on the other side would stumble over.
"""

import json
import math

from ckptcell.errors import Misbehaved
from ckptcell.manifest import LOAD_MODES
from ckptcell.text import LONG, SHORT, bounded

__all__ = ["STAGES", "read"]

STAGES = ("save", "load", "observe", "forward", "resume")
_ENDINGS = ("returned", "raised", "unsupported", "input_mismatch")
_MOST_WARNINGS = 100
_MOST_FILES = 10000
_LONGEST_PATH = 500
_DEEPEST = 60
_LARGEST = 2**63


def _need(condition, what):
    if not condition:
        msg = "reported {}".format(what)
        raise Misbehaved(msg)


def _check_json(value):
    """Refuse what other JSON readers refuse: depth, lone surrogates, numbers that are none."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        _need(depth <= _DEEPEST, "an observation nested too deeply")
        if isinstance(item, dict):
            waiting.extend((key, depth + 1) for key in item)
            waiting.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            waiting.extend((child, depth + 1) for child in item)
        elif isinstance(item, int):
            _need(abs(item) < _LARGEST, "an integer too large for other readers")
        elif isinstance(item, float):
            _need(math.isfinite(item), "a number that is not finite")
        elif isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                msg = "reported a text that is not Unicode"
                raise Misbehaved(msg) from None


def _record(value, fields, what):
    _need(isinstance(value, dict) and set(value) == set(fields), what)
    _need(all(isinstance(value[name], str) for name in fields), what)
    return {name: bounded(value[name], limit) for name, limit in fields.items()}


def _count(value, what):
    _need(isinstance(value, int) and not isinstance(value, bool) and value >= 0, what)
    return value


def _digest(value):
    good = isinstance(value, str) and len(value) == 64  # noqa: PLR2004 - SHA-256 in hex
    _need(good and not value.strip("0123456789abcdef"), "a digest that is none")
    return value


def _checkpoint(value):
    what = "a checkpoint that is none"
    _need(isinstance(value, dict) and set(value) == {"sha256", "bytes", "files"}, what)
    _need(isinstance(value["files"], list) and len(value["files"]) <= _MOST_FILES, what)
    files = []
    for file in value["files"]:
        _need(isinstance(file, dict) and set(file) == {"path", "bytes", "sha256"}, what)
        path = file["path"]
        _need(isinstance(path, str) and 0 < len(path) <= _LONGEST_PATH, what)
        _need(path.isprintable() and "\\" not in path and not path.startswith("/"), what)
        _need(".." not in path.split("/"), what)
        files.append(
            {
                "path": path,
                "bytes": _count(file["bytes"], what),
                "sha256": _digest(file["sha256"]),
            }
        )
    return {
        "sha256": _digest(value["sha256"]),
        "bytes": _count(value["bytes"], what),
        "files": files,
    }


def _result(value):
    fields = {
        "result",
        "stage",
        "exception",
        "detail",
        "oom",
        "seconds",
        "observation",
        "behaviour_of",
        "checkpoint",
        "warnings",
        "peak_rss_bytes",
        "reusable",
    }
    _need(set(value) == fields, "a result with other fields than it has")
    _need(value["result"] in _ENDINGS, "an ending there is not")
    _need(value["stage"] in STAGES, "a stage there is not")
    _need(isinstance(value["oom"], bool), "a result with other fields than it has")
    _need(isinstance(value["reusable"], bool), "a result with other fields than it has")
    _need(isinstance(value["detail"], str), "a detail that is no text")
    seconds = value["seconds"]
    _need(isinstance(seconds, (int, float)) and not isinstance(seconds, bool), "no duration")
    _need(math.isfinite(seconds) and seconds >= 0, "no duration")
    heard = value["warnings"]
    _need(isinstance(heard, list) and len(heard) <= _MOST_WARNINGS, "too many warnings")
    observation = value["observation"]
    _need(observation is None or isinstance(observation, dict), "an observation that is none")
    _check_json(observation)
    earlier = value["behaviour_of"]
    _need(earlier is None or (isinstance(earlier, str) and earlier in LOAD_MODES), "no mode")
    raised = {"type": SHORT, "message": LONG, "traceback": LONG, "cause": LONG}
    exception = value["exception"]
    _need((exception is not None) == (value["result"] == "raised"), "an ending without its cause")
    return dict(
        value,
        detail=bounded(value["detail"]),
        exception=None if exception is None else _record(exception, raised, "no exception"),
        warnings=[
            _record(one, {"category": SHORT, "message": LONG}, "no warning") for one in heard
        ],
        peak_rss_bytes=_count(value["peak_rss_bytes"], "no amount of memory"),
        checkpoint=None if value["checkpoint"] is None else _checkpoint(value["checkpoint"]),
    )


def read(line):
    """What a child reported.

    Args:
        line: Bytes of one line.

    Returns:
        ``(kind, value)``: ``ready``, ``stage`` with its name, ``facts`` with the record, or
        ``result`` with a checked result.

    Raises:
        ckptcell.errors.Misbehaved: It is nothing that a worker reports.
    """
    try:
        value = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        msg = "reported a line that is not JSON"
        raise Misbehaved(msg) from None
    _need(isinstance(value, dict), "a line that is not an object")
    if set(value) == {"ready"}:
        return "ready", None
    if set(value) == {"stage"}:
        _need(value["stage"] in STAGES, "a stage there is not")
        return "stage", value["stage"]
    if set(value) == {"facts"}:
        _need(isinstance(value["facts"], dict), "facts that are none")
        _check_json(value["facts"])
        return "facts", value["facts"]
    return "result", _result(value)
