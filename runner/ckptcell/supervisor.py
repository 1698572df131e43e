"""The supervisor: starts children, follows them, and tells the orchestrator what happened.

It imports torch once, so that children start with it in memory, and then runs no torch operation,
imports no case and touches no accelerator. What else takes long to import it imports for the cases
that say so, when all others are done.
"""

import gc
import hashlib
import itertools
import os
import select
import signal
import time

from ckptcell import canonical, casefiles, facts, kernel, results, worker
from ckptcell.attempt import START_S, follow
from ckptcell.children import Child
from ckptcell.errors import Misbehaved
from ckptcell.lifeline import LOOK_S
from ckptcell.text import bounded

__all__ = ["Supervisor", "groups", "needs_repeat"]


def groups(tasks):
    """Runs of consecutive tasks that share a child: those of one case and one checkpoint."""
    return [
        list(run) for _, run in itertools.groupby(tasks, key=lambda task: (task.case, task.path))
    ]


def needs_repeat(task, done, repeat, like=None):
    """Whether an attempt is to be repeated alone in a fresh child.

    An attempt is plainly good when it returned and saw what the producer saw; where nobody here is
    the producer, what the first load of the same checkpoint saw. One that is not, and
    followed other tasks in its child, may be those tasks' doing. ``unsupported`` is about the
    environment, not about the checkpoint, and stays what it is.

    Args:
        task: The task.
        done: Its first ``done`` event.
        repeat: Whether the manifest asks for a second attempt even where the first ran alone.
        like: What the first load of the same checkpoint that returned saw, or None before it.
    """
    if done["result"] == "unsupported":
        return False
    wanted = task.like or like or done["observation"]
    good = done["result"] == "returned" and (task.mode is None or done["observation"] == wanted)
    return not good and (repeat or done["isolation"] == "shared")


def _freeze():
    """Keep what is in memory out of collections (since Python 3.7): its pages stay shared."""
    gc.collect()
    getattr(gc, "freeze", bool)()


class Supervisor(object):
    """Runs one manifest.

    Args:
        manifest: What to do.
        folders: ``(input, output, scratch)``, absolute.
        line: The ``ckptcell.lifeline.LifeLine``.
        isolation: ``fork`` or ``spawn``.
    """

    def __init__(self, manifest, folders, line, isolation):
        self._manifest = manifest
        self._input, self._output, scratch = folders
        self._line = line
        self._isolation = isolation
        self._sent = set()
        self._likes: dict = {}
        self._threads = kernel.thread_count()
        # A child's death wakes the poll through this pipe, so that nothing has to look for it.
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker)
        user_files = {
            cases.module: os.path.join(self._input, cases.path) for cases in manifest.user_cases
        }
        self._modules = casefiles.index(user_files)
        self._imports = casefiles.imports()
        self._setup = {
            "device": manifest.device,
            "scratch": scratch,
            "isolation": isolation,
            "torch_error": "",
            "limits": dict(manifest.limits._asdict()),
            "user_files": user_files,
            "model": None,
        }
        if manifest.model is not None:
            self._setup["model"] = {
                "folder": os.path.join(self._input, manifest.model.path),
                "module": manifest.model.module,
                "factory": manifest.model.factory,
            }

    def run(self):
        """Do everything, from ``hello`` to ``bye``.

        Raises:
            ckptcell.errors.LifeLineClosed: Nobody wants the answers any more.
            ckptcell.errors.OutOfBounds: The job takes more time or room than it may.
            ckptcell.errors.ForkUnsafe: This process has grown threads.
        """
        if self._isolation == "fork":
            self._setup["torch_error"] = self._line.during(worker.import_torch)
            self._threads = kernel.thread_count()
            _freeze()
        self._line.send({"event": "hello", "protocol": 1, "facts": self._facts()})
        later = []
        for group in groups(self._manifest.tasks):
            if self._isolation == "fork" and self._imports_of(group):
                later.append(group)
            else:
                self._run_group(group)
        imported = ()
        for group in sorted(later, key=self._imports_of):
            if self._imports_of(group) != imported:
                imported = self._imports_of(group)
                self._line.during(lambda names=imported: worker.import_first(names))
                _freeze()
            self._run_group(group)
        self._line.send({"event": "bye", "tasks": len(self._manifest.tasks)})

    def _imports_of(self, group):
        """What the cases of a group's file want imported before their children start."""
        return tuple(self._imports.get(self._modules.get(group[0].case), ()))

    def _start(self):
        private = [self._line.events, self._line.commands, self._wake, self._waker]
        return Child(self._setup, self._threads, private)

    def _wait(self, child, seconds):
        """Wait a while, at most until the child reports, prints or ends; take in what came."""
        poller = select.poll()
        for descriptor in child.descriptors() + [self._line.commands, self._wake]:
            poller.register(descriptor, select.POLLIN)
        ready = dict(poller.poll(max(0, int(min(seconds, LOOK_S) * 1000) + 1)))
        self._line.check()
        if self._wake in ready:
            os.read(self._wake, 4096)
        # Its end is noted before the last of what it said is taken in, so that nothing is lost.
        child.reap()
        child.hear()

    def _facts(self):
        """What the throw-away child found out, or the facts that can be had without it."""
        child = self._start()
        deadline = time.monotonic() + START_S
        failure = "did not answer in {:.0f} s".format(START_S)
        try:
            child.command(canonical.dumps({"do": "facts"}))
            while time.monotonic() < deadline:
                for line in iter(child.next_line, None):
                    kind, value = results.read(line)
                    if kind == "facts":
                        return value
                if child.ended is not None:
                    failure = str(child.ended)
                    break
                self._wait(child, deadline - time.monotonic())
        except Misbehaved as misbehaved:
            failure = str(misbehaved)
        finally:
            child.finish()
        return dict(
            facts.without_torch(self._isolation),
            torch_error=self._setup["torch_error"],
            device_error=bounded("the process that asked {}: {}".format(failure, child.tail)),
        )

    def _run_group(self, group):
        child = None
        again = []
        known: dict = {}
        try:
            for task in group:
                isolation = "alone" if child is None else "shared"
                child = child or self._start()
                # Tensors in a mapped file are not those of memory, however equal they look.
                shared = {} if task.mode == "mmap" else known
                final, reusable = self._attempt(child, task, 1, isolation, shared)
                if not reusable:
                    child.finish()
                    child = None
                if not final:
                    again.append(task)
        finally:
            if child is not None:
                child.finish()
        for task in again:
            child = self._start()
            try:
                self._attempt(child, task, 2, "alone", {})
            finally:
                child.finish()

    def _attempt(self, child, task, number, isolation, known):
        """One attempt at a task: whether it is the last, and whether the child may do another.

        ``known`` is what earlier modes showed of this checkpoint, for cases of which the state is
        all: the same state is not run again. What an attempt shows is added.
        """
        self._line.send({"event": "started", "task": task.id, "attempt": number})
        base = self._output if task.mode is None else self._input
        command = {
            "do": "task",
            "case": task.case,
            "module": self._modules.get(task.case),
            "mode": task.mode,
            "path": os.path.join(base, task.path),
            "sha256": task.sha256,
            "source": None,
            "fit": task.fit,
            "known": known,
        }
        if task.source is not None:
            command["source"] = dict(
                task.source._asdict(), path=os.path.join(self._input, task.source.path)
            )
        ending = follow(child, command, task.timeout_s, self._manifest.limits, self._wait)
        reusable = ending.pop("reusable")
        if task.mode is not None:
            ending["checkpoint"] = None
        whole = ending["result"] == "returned" and ending["observation"] is not None
        if whole and not task.fit:
            state, shown = worker.behaviour(ending["observation"])
            known.setdefault(
                state, {"behaviour": shown, "mode": task.mode, "stage": ending["stage"]}
            )
        ending["observation"] = self._send_observation(ending["observation"])
        done = dict(ending, event="done", task=task.id, attempt=number, isolation=isolation)
        same = (task.case, task.path, task.fit)
        repeat = self._manifest.repeat
        done["final"] = number > 1 or not needs_repeat(task, done, repeat, self._likes.get(same))
        if done["result"] == "returned" and done["observation"] is not None:
            self._likes.setdefault(same, done["observation"])
        self._line.send(done)
        return done["final"], reusable

    def _send_observation(self, observation):
        if observation is None:
            return None
        digest = hashlib.sha256(canonical.dumps(observation)).hexdigest()
        if digest not in self._sent:
            self._sent.add(digest)
            self._line.send({"event": "observation", "sha256": digest, "value": observation})
        return digest
