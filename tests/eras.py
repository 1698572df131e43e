"""Scripts of ``fixtures/eras``, run in the interpreters of real versions of torch."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cell_jobs import torch_interpreters
from ckptmatrix.shipped import cell_program_source

__all__ = ["ENVIRONMENTS", "each_environment", "in_cell"]

#: Folders of environments; empty where nobody named any.
ENVIRONMENTS = [Path(name).parent.parent for name in torch_interpreters()]
_SCRIPTS = Path(__file__).parent / "fixtures" / "eras"

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.name)


def in_cell(environment: Path, script: str, *arguments: str) -> Any:
    """What a script prints as JSON, with the cell program on its path."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(cell_program_source().parent),
        "OMP_NUM_THREADS": "1",
    }
    ended = subprocess.run(
        [environment / "bin" / "python", _SCRIPTS / script, *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout)
