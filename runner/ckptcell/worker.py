"""What a child does: one task after the other, each from its case to its result.

The supervisor sends a command a line and waits for its result; a child never knows a task's id.
What a child writes is one JSON object a line: ``{"ready": true}``, then for each command any number
of ``{"stage": ...}`` and one result.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
import time
from typing import Any

from ckptcell import (
    canonical,
    casefiles,
    evidence,
    facts,
    files,
    fingerprint,
    fit,
    kernel,
    observe,
)
from ckptcell.cases.base import Unsupported
from ckptcell.encoding import number
from ckptcell.errors import InputMismatch, ModeMissing, ResultTooLarge
from ckptcell.text import bounded

__all__ = ["behaviour", "import_first", "import_torch", "serve"]

_BEHAVIOUR = ("forward", "resume")

#: Room above the memory limit in which a task that ran out of memory can still say so.
_RESERVE = 64000000


class _Limits(object):
    """Limits of this process. Memory is limited to what it has now and a headroom."""

    def __init__(self, setup):
        limits = setup["limits"]
        self._memory = None
        present = kernel.address_space_bytes()
        # A CUDA context reserves address space for all memory of all devices, used or not.
        if present is not None and setup["device"].split(":")[0] == "cpu":
            self._memory = present + limits["memory_bytes"]
            hard = self._memory + _RESERVE
            resource.setrlimit(resource.RLIMIT_AS, (self._memory, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"], limits["file_bytes"]))

    def use_reserve(self):
        if self._memory is not None:
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

    def close_reserve(self):
        if self._memory is not None:
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (self._memory, hard))


class _Progress(object):
    """What a task has come to so far."""

    def __init__(self, stage, say):
        self._say = say
        self.stage = stage
        self.observation = None
        self.behaviour_of = None
        self.checkpoint = None

    def enter(self, stage):
        self.stage = stage
        self._say({"stage": stage})


class _Bench(object):
    """Where the tasks of one (case, checkpoint) are done one after the other."""

    def __init__(self, setup, say):
        self._setup = setup
        self._say = say
        self._limits = _Limits(setup)
        self._kind: Any = None
        self._baseline = None
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "set_warn_always"):
            torch.set_warn_always(True)

    def _prepare(self, command):
        """Everything that comes before the task itself and is not its doing."""
        self._kind = casefiles.load_case(
            command["case"], command["module"], self._setup["user_files"]
        )
        making = command["mode"] is None and command["source"] is None
        casefiles.require(self._kind.needs if making else self._kind.loader)
        if self._setup["model"] is not None:
            fit.offer(self._setup["model"]["folder"])
        given = command["source"] or command
        if given["sha256"] is not None:
            present = files.describe(given["path"])["sha256"]
            if present != given["sha256"]:
                msg = "the checkpoint's digest is {}".format(present)
                raise InputMismatch(msg)
        self._baseline = fingerprint.take(command["path"])

    def _observe(self, case, obj, progress, known):
        progress.enter("observe")
        observation = case.observe(obj)
        progress.observation = observation
        # Only a case can know that objects that look equal behave equally: hooks do not show.
        seen = known.get(canonical.digest(observation)) if known and case.state_is_all else None
        if seen is not None:
            observation.update(seen["behaviour"])
            progress.behaviour_of = seen["mode"]
            progress.stage = seen["stage"]
            return
        if hasattr(case, "forward"):
            progress.enter("forward")
            observation["forward"] = observe.observe_forward(case.forward(obj))
        if hasattr(case, "resume"):
            progress.enter("resume")
            observation["resume"] = {"losses": [number(loss) for loss in case.resume(obj)]}

    def _save(self, case, path, source, progress):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.remove(path)
        obj = case.save(path) if source is None else case.resave(source, path)
        if os.path.islink(path):
            msg = "the checkpoint saved is a link"
            raise ValueError(msg)
        progress.checkpoint = files.describe(path)
        self._observe(case, obj, progress, {})

    def perform(self, command):
        """Do one task.

        Args:
            command: ``case``, ``module``, ``mode``, ``path``, ``sha256``, ``source``, ``fit`` of
                the task, and ``known``: by the digest of a state, the ``behaviour`` seen of it, in
                which ``mode``, and the ``stage`` that ended in.

        Returns:
            The result, for the supervisor.
        """
        saving = command["mode"] is None
        progress = _Progress("save" if saving else "load", self._say)
        result: dict = {"result": "returned", "exception": None, "detail": "", "oom": False}
        began = time.monotonic()
        with evidence.Warnings() as heard:
            try:
                if self._baseline is None:
                    self._prepare(command)
                began = time.monotonic()
                case = self._kind(self._setup["device"])
                if saving:
                    self._save(case, command["path"], command["source"], progress)
                else:
                    obj = case.load(command["path"], command["mode"])
                    if command["fit"]:
                        progress.enter("observe")
                        progress.observation = fit.observe_fit(obj, self._setup["model"])
                    else:
                        self._observe(case, obj, progress, command["known"])
            except BaseException as error:
                self._limits.use_reserve()
                result.update(_account(error))
        result["seconds"] = time.monotonic() - began
        result["stage"] = progress.stage
        result["observation"] = progress.observation
        result["behaviour_of"] = progress.behaviour_of
        result["checkpoint"] = progress.checkpoint
        result["warnings"] = heard.records
        result["peak_rss_bytes"] = _peak_rss_bytes()
        # A warning given once a process would be missing from the next answer.
        result["reusable"] = not heard.records and (
            self._baseline is None or self._baseline == fingerprint.take(command["path"])
        )
        self._limits.close_reserve()
        return result


def _account(error):
    """How a task ended that raised ``error``."""
    if isinstance(error, (Unsupported, ModeMissing)):
        return {"result": "unsupported", "detail": bounded(error)}
    if isinstance(error, InputMismatch):
        return {"result": "input_mismatch", "detail": bounded(error)}
    return {
        "result": "raised",
        "exception": evidence.exception_record(error),
        "oom": evidence.out_of_memory(error),
    }


def _peak_rss_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _encode(result, limit):
    """``result`` as a line; when it cannot be one, the result that says why."""
    try:
        line = canonical.dumps(result)
    except Exception as failure:
        error = failure
    else:
        if len(line) <= limit:
            return line
        error = ResultTooLarge("{} bytes to report, {} allowed".format(len(line), limit))
    result = dict(result, observation=None, behaviour_of=None, reusable=False)
    if result["result"] == "returned":
        result.update(_account(error), stage="observe")
    return canonical.dumps(result)


def behaviour(observation):
    """What an observation says of behaviour, and the digest of the state that showed it."""
    shown = {key: observation[key] for key in _BEHAVIOUR if key in observation}
    state = {key: value for key, value in observation.items() if key not in shown}
    return canonical.digest(state), shown


def serve(channel, setup):
    """Do what the supervisor asks until it hangs up; it ends this process when it is done.

    Args:
        channel: This child's socket to the supervisor.
        setup: What all children are told: ``device``, ``scratch``, ``isolation``, ``torch_error``,
            ``limits``, ``user_files`` and ``model``. None in an interpreter of its own, to which
            the supervisor sends it as the first line, and which imports torch first.
    """

    def say(value):
        channel.sendall(canonical.dumps(value) + b"\n")

    bench = None
    with channel.makefile("rb") as commands:
        if setup is None:
            setup = json.loads(commands.readline().decode("ascii"))
            setup["torch_error"] = import_torch()
        os.chdir(setup["scratch"])
        say({"ready": True})
        for line in commands:
            command = json.loads(line.decode("ascii"))
            if command["do"] == "facts":
                say({"facts": facts.gather(setup["isolation"], setup["torch_error"])})
                continue
            bench = bench or _Bench(setup, say)
            result = _encode(bench.perform(command), setup["limits"]["result_bytes"])
            # Everything printed must be in the pipe before the result that ends its task.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            kernel.flush_c_streams()
            channel.sendall(result + b"\n")


def import_first(names):
    """Import modules for children that need them anyway; what fails here fails there, and is seen.

    Args:
        names: Names of modules. What is not there is left out.
    """
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def import_torch():
    """Import torch, and nothing more.

    Returns:
        Why it could not be imported, or an empty string.
    """
    try:
        import torch  # noqa: F401 - so that it is in memory
    except Exception as error:
        return bounded("{}: {}".format(type(error).__name__, bounded(error)))
    return ""
