"""Makes the environments of a matrix and prints their interpreters, separated by colons."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from ckptmatrix.commands.places import cache_folder
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.providers.venv.provider import VenvProvider


def main(matrix: Path) -> None:
    cache = cache_folder()
    (cache / "programs").mkdir(parents=True, exist_ok=True)
    provider = VenvProvider(cache_dir=cache, cell_program=build_cell_program(cache / "programs"))
    interpreters = []
    for cell in load_matrix(matrix).cells:
        sys.stderr.write(f"{cell.id} …\n")
        environment = provider.prepare(cell, cancel=threading.Event(), progress=lambda _: None)
        interpreters.append(f"{environment.location}/bin/python")
    sys.stdout.write(":".join(interpreters))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
