"""The run that somebody means on the command line."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.errors import UsageError
from ckptmatrix.report.folder import RECORD
from ckptmatrix.report.frames import RunFrames

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord

__all__ = ["BASELINE", "LATEST", "find_baseline", "find_run", "must_be_complete", "open_run"]

#: Links beside the runs of a matrix.
BASELINE, LATEST = "baseline", "latest"


def find_run(text: str, reports: Path) -> Path:
    """The folder of a run.

    Args:
        text: A folder; or under ``reports`` a matrix (``default``: its latest run), a run of one
            (``default/20260102-030405``), or a link (``default/baseline``).
        reports: Where run folders land.

    Returns:
        The folder itself, links followed.

    Raises:
        UsageError: There is no such run.
    """
    tried = [Path(text), Path(text) / LATEST, reports / text, reports / text / LATEST]
    for folder in tried:
        if (folder / RECORD).is_file():
            return folder.resolve()
    msg = f"«{text}» is no run: {_instead(text, reports)}"
    raise UsageError(msg)


def find_baseline(matrix: Path) -> Path | None:
    """The folder of the run that later ones of a matrix are compared with.

    Args:
        matrix: The folder of the matrix's runs.

    Returns:
        None where none is set.

    Raises:
        UsageError: The run that was set is not there any more.
    """
    link = matrix / BASELINE
    if not link.is_symlink() and not link.exists():
        return None
    if not (link / RECORD).is_file():
        gone = link.resolve().name
        msg = (
            f"{link} points to {gone}, which is not there any more\n"
            "    fix: ckptmatrix baseline set RUN"
        )
        raise UsageError(msg)
    return link.resolve()


def must_be_complete(folder: Path, run: RunRecord) -> None:
    """Refuse a run that did not come to its end: what it lacks would never be missed.

    Raises:
        UsageError: It is not complete.
    """
    if run.status != "complete":
        msg = (
            f"{folder} is {run.status}: what it lacks would never be missed\n"
            "    fix: run the matrix again, which goes on with what is left"
        )
        raise UsageError(msg)


def open_run(text: str, reports: Path) -> tuple[Path, RunFrames]:
    """The folder of a run, and its tables.

    Args:
        text: As for :func:`find_run`.
        reports: Where run folders land.

    Raises:
        UsageError: There is no such run, it has not ended, or it is damaged.
    """
    folder = find_run(text, reports)
    return folder, RunFrames.open(folder)


def _instead(text: str, reports: Path) -> str:
    known = sorted(
        f"{run.parent.parent.name}/{run.parent.name}" for run in reports.glob(f"*/*/{RECORD}")
    )
    name, _, last = text.rpartition("/")
    if last == BASELINE and any(run.startswith(f"{name}/") for run in known):
        return f"no baseline is set\n    fix: ckptmatrix baseline set {name}/{LATEST}"
    if not known:
        return f"{reports} has no runs\n    fix: ckptmatrix run MATRIX, or name the folder of a run"
    close = get_close_matches(text, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"{reports} has {', '.join(known[-8:])}" + (", …" if len(known) > 8 else "")  # noqa: PLR2004 - one line
