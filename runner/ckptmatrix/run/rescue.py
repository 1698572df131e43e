"""A way for a file into a cell that cannot load it: over cells that can, and save it again.

First every cell is asked whether it loads the file. Those that do save it again, as a zip file and
in the legacy format, and the target is given the results; then, over one more cell, what the first
ones saved. What the target sees is compared with what the first cell of the way saw of the
original: only that makes it a rescue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.judge.compare import compare
from ckptmatrix.judge.ending import judge_ending
from ckptmatrix.judge.observation import MalformedObservationError, read_observation
from ckptmatrix.judge.outcome import Difference  # noqa: TC001 - read at run time, in records
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.run.check import load_everywhere
from ckptmatrix.run.given import GivenFile
from ckptmatrix.run.resaves import (
    Container,
    Resave,
    containers_of,
    resave_given,
    resaved_case,
)
from ckptmatrix.run.trials import Trial, load_given
from ckptmatrix.run.work import Seen
from ckptmatrix.sidecar import SidecarAnswer
from ckptmatrix.words import Mode, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ckptmatrix.plan import Plan
    from ckptmatrix.run.prepare import Prepared
    from ckptmatrix.run.setting import Setting, Usable
    from ckptmatrix.wire import Done

__all__ = ["Rescue", "Route", "Step", "Tried", "drive_rescue"]

#: Cells that are asked to save a file again before the target is tried on what they saved.
_BATCH = 4


@dataclass(frozen=True, kw_only=True)
class Step:
    """One cell of the way.

    Attributes:
        cell: Id of the cell.
        mode: How it loads what came before.
        container: What it saves: ``zip`` or ``legacy``.
    """

    cell: str
    mode: Mode
    container: Container


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way that leads into the target.

    Attributes:
        steps: The cells on the way, the one that loads the original first.
        mode: How the target loads the new file.
        path: The new file, in the store.
        sha256: Its digest.
        differences: What the target sees otherwise than the first cell saw of the original.
    """

    steps: tuple[Step, ...]
    mode: Mode
    path: Path
    sha256: str
    differences: tuple[Difference, ...] = ()

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Smaller is better: what is the same, with less trust, over fewer cells."""
        trust = list(Mode).index(self.mode)
        legacy = sum(step.container == "legacy" for step in self.steps)
        return (len(self.differences), trust, len(self.steps), legacy)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A way that leads nowhere.

    Attributes:
        steps: The cells on the way, the last of which may be the one that failed.
        where: Id of the cell that failed.
        why: What it said.
    """

    steps: tuple[Step, ...]
    where: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Rescue:
    """What a search came to.

    Attributes:
        target: Id of the target.
        already: The mode in which the target loads the file as it is, or None.
        route: The best way found, or None.
        able: Ids of the cells that load the file.
        tried: What leads nowhere, in the order it was tried.
        stopped: Whether the search ended before its time.
    """

    target: str
    already: Mode | None = None
    route: Route | None = None
    able: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """A file on the way: the original, or what a cell saved again."""

    file: GivenFile
    steps: tuple[Step, ...] = ()
    origin: str | None = None  # digest of what the first cell saw of the original


def drive_rescue(
    setting: Setting, plan: Plan, file: GivenFile, target: str, prepared: Prepared
) -> Rescue:
    """Look for a way.

    Args:
        setting: The outside world.
        plan: Has the cells, the target among them.
        file: The file.
        target: Declared id of the target.
        prepared: Filled as cells become ready.

    Returns:
        The best way, or why there is none. Without the target's environment nothing is tried.
    """
    search = _Search(setting=setting, plan=plan, prepared=prepared, target=target)
    try:
        return search.run(file)
    except KeyboardInterrupt:
        return search.result(stopped=True)


class _Search:
    """One search: what is known so far, and the next thing to try."""

    def __init__(self, *, setting: Setting, plan: Plan, prepared: Prepared, target: str) -> None:
        self._setting = setting
        self._plan = plan
        self._prepared = prepared
        self._target = target
        self._loads: Seen[Trial] = Seen()
        self._saves: Seen[Resave] = Seen()
        self._routes: list[Route] = []
        self._tried: list[Tried] = []
        self._able: list[str] = []
        self._jobs = 0

    def run(self, file: GivenFile) -> Rescue:
        """Try the file itself, then what cells save of it, then what others save of that."""
        load_everywhere(self._setting, self._plan, [file], self._prepared, self._loads)
        if self._target not in self._usable or self._setting.cancel.is_set():
            return self.result(stopped=self._setting.cancel.is_set())
        original = _Saved(file=file)
        if (already := self._best_mode(file, self._target)) is not None:
            return self.result(already=already)
        sources = [name for name in self._nearest() if self._best_mode(file, name) is not None]
        self._able = [self._name(name) for name in sources]
        first: list[_Saved] = []
        for start in range(0, len(sources), _BATCH):
            saved = self._resave([original], sources[start : start + _BATCH])
            self._offer(saved)
            first += saved
            if self._settled():
                return self.result(stopped=self._setting.cancel.is_set())
        over = [each for each in first if each.steps[-1].container == _usual(first)]
        middles = self._nearest()
        self._load(
            [each.file for each in over],
            middles,
        )
        for start in range(0, len(middles), _BATCH):
            self._offer(self._resave(over, middles[start : start + _BATCH]))
            if self._settled():
                break
        return self.result(stopped=self._setting.cancel.is_set())

    def result(self, *, already: Mode | None = None, stopped: bool = False) -> Rescue:
        """What is known now."""
        return Rescue(
            target=self._name(self._target),
            already=already,
            route=min(self._routes, key=lambda route: route.rank, default=None),
            able=tuple(self._able),
            tried=tuple(self._tried),
            stopped=stopped,
        )

    @property
    def _usable(self) -> Mapping[str, Usable]:
        return self._prepared.usable

    def _name(self, declared: str) -> str:
        usable = self._usable.get(declared)
        return declared if usable is None else usable.cell.id

    def _job(self, what: str) -> str:
        """A name for the next jobs."""
        self._jobs += 1
        return f"{what}{self._jobs}"

    def _settled(self) -> bool:
        done = any(not route.differences for route in self._routes)
        return done or self._setting.cancel.is_set()

    def _nearest(self) -> list[str]:
        """The other cells, those first whose torch is nearest to the target's: they agree most."""
        releases = {
            name: release_of(usable.facts.torch or "") for name, usable in self._usable.items()
        }
        order = sorted(set(releases.values()))
        here = order.index(releases[self._target])
        others = [name for name in releases if name != self._target]
        return sorted(others, key=lambda name: abs(order.index(releases[name]) - here))

    def _best_mode(self, file: GivenFile, cell: str) -> Mode | None:
        """The least trusting mode in which a cell loads a file."""
        for mode in file.case.modes:
            done = self._ended(file, cell, mode)
            if done is not None and done.result is Result.RETURNED:
                return mode
        return None

    def _ended(self, file: GivenFile, cell: str, mode: Mode) -> Done | None:
        attempts = self._loads.attempts.get(Trial(file.checkpoint.sha256, cell, "cpu", mode))
        return attempts[-1] if attempts else None

    def _load(self, files: Sequence[GivenFile], cells: Iterable[str]) -> None:
        trials = [
            Trial(file.checkpoint.sha256, cell, "cpu", mode)
            for cell in cells
            for file in files
            for mode in file.case.modes
        ]
        load_given(self._setting, self._usable, files, trials, self._loads, name=self._job("load"))

    def _resave(self, sources: Sequence[_Saved], cells: Sequence[str]) -> list[_Saved]:
        """Have cells save what they load of some files."""
        asked: dict[Resave, _Saved] = {}
        for source in sources:
            passed = {step.cell for step in source.steps}
            for cell in cells:
                mode = self._best_mode(source.file, cell)
                if mode is None or self._name(cell) in passed:
                    continue
                for container in containers_of(source.file.case):
                    asked[Resave(source.file.checkpoint.sha256, cell, mode, container)] = source
        resave_given(
            self._setting,
            self._usable,
            [source.file for source in sources],
            asked,
            self._saves,
            name=self._job("resave"),
        )
        found = []
        for resave, source in asked.items():
            step = Step(cell=self._name(resave.cell), mode=resave.mode, container=resave.container)
            steps = (*source.steps, step)
            attempts = self._saves.attempts.get(resave)
            if not attempts:
                continue
            done = attempts[-1]
            saved = self._stored(done, source, resave)
            if saved is None:
                self._tried.append(Tried(steps=steps, where=step.cell, why=_said(done)))
                continue
            loaded = self._ended(source.file, resave.cell, resave.mode)
            origin = source.origin or (loaded.observation if loaded else None)
            found.append(_Saved(file=saved, steps=steps, origin=origin))
        return found

    def _stored(self, done: Done, source: _Saved, resave: Resave) -> GivenFile | None:
        """What a cell saved, as a file that can be given to others."""
        if done.result is not Result.RETURNED or done.checkpoint is None:
            return None
        case = resaved_case(source.file.case, resave.container)
        path = self._setting.store.find_checkpoint(done.checkpoint.sha256, case.filename)
        if path is None:
            return None
        return GivenFile(
            path=path,
            checkpoint=done.checkpoint,
            reading=read_checkpoint(path),
            case=case,
            sidecar=SidecarAnswer(path=path),
        )

    def _offer(self, saved: Sequence[_Saved]) -> None:
        """Give what was saved to the target, and note what it makes of it."""
        if not saved or self._setting.cancel.is_set():
            return
        self._load([each.file for each in saved], [self._target])
        for each in saved:
            mode = self._best_mode(each.file, self._target)
            if mode is None:
                self._tried.append(
                    Tried(steps=each.steps, where=self._name(self._target), why=self._why(each))
                )
                continue
            done = self._ended(each.file, self._target, mode)
            differences = self._differences(each.origin, done.observation if done else None)
            if differences is None:
                why = "it loads, and what is in it cannot be compared"
                self._tried.append(Tried(steps=each.steps, where=self._name(self._target), why=why))
                continue
            self._routes.append(
                Route(
                    steps=each.steps,
                    mode=mode,
                    path=each.file.path,
                    sha256=each.file.checkpoint.sha256,
                    differences=differences,
                )
            )

    def _why(self, saved: _Saved) -> str:
        """What the target said, in the most trusting mode that has something to say."""
        for mode in reversed(saved.file.case.modes):
            done = self._ended(saved.file, self._target, mode)
            if done is not None and done.result is not Result.UNSUPPORTED:
                return _said(done)
        return "it has no way to load it"

    def _differences(
        self, origin: str | None, arrived: str | None
    ) -> tuple[Difference, ...] | None:
        """What is not the same; None when that cannot be told."""
        if origin is None or arrived is None:
            return None
        named = {origin, arrived}
        known: dict[str, dict[str, Any]] = {
            name: self._loads.observations[name] for name in named & self._loads.observations.keys()
        }
        known |= self._setting.store.get_observations(named - known.keys())
        try:
            if read_observation(known[origin]).unobservable() is not None:
                return None
            return compare(known[origin], known[arrived])
        except (KeyError, MalformedObservationError):
            return None


def _usual(saved: Sequence[_Saved]) -> Container:
    """The container that goes on to other cells: one of the two, for they hold the same."""
    return "zip" if any(each.steps[-1].container == "zip" for each in saved) else "legacy"


def _said(done: Done) -> str:
    """Why an attempt did not come back, in one line."""
    ended = judge_ending(done)
    return "it said nothing" if ended is None else ended.message.partition("\n")[0][:400]
