"""What a cell program finds around it: the same in every cell, nothing of the host's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["conditions", "lay_out"]

#: How a scheduler says which GPUs are ours: an allocation to respect, not a setting.
ALLOCATION = ("CUDA_VISIBLE_DEVICES",)


def conditions(environ: Mapping[str, str], home: Path, scratch: Path) -> dict[str, str]:
    """The whole environment of a job, as ``docs/design.md`` §4 has it.

    Args:
        environ: The host's variables, of which only a scheduler's allocation is passed on.
        home: The cell's environment.
        scratch: The job's own folder.
    """
    return {
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": str(scratch),
        "USER": "cell",
        "LOGNAME": "cell",
        "TMPDIR": str(scratch),
        "XDG_CACHE_HOME": str(scratch),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        **{name: environ[name] for name in ALLOCATION if name in environ},
    }


def lay_out(inputs: Mapping[str, Path], folder: Path) -> None:
    """Make a job's input folder of links.

    A cell of this provider runs as its user, who may write where the user may: what is linked is
    protected by its own mode only.

    Args:
        inputs: Path in the folder → file or folder on this machine.
        folder: An empty folder.
    """
    for name, target in inputs.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target.resolve())
