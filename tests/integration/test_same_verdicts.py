"""A cell of wheels answers the same whichever provider made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ckptmatrix
from ckptmatrix.report.schema import COLUMNS
from ckptmatrix.words import Mode
from dockers import engine_or_skip
from e2e_program import command

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = [pytest.mark.network, pytest.mark.timeout(1_200)]

CASES = (
    *("state_dict", "module_linear", "module_lstm", "numpy_scalar", "numpy_array", "py_path"),
    *("program_script", "format_legacy", "file_truncated", "file_bitflip_data"),
)
MATRIX = f"""
name: same
include:
  - {{python: "3.11", torch: "2.13.0"}}
cases:
  select: [{", ".join(CASES)}]
"""
WHICH = ["producer", "consumer", "case", "device", "mode"]


def outcomes(folder: Path, provider: str) -> pd.DataFrame:
    """Everything that two equal runs agree on."""
    (folder / "same.yaml").write_text(MATRIX, encoding="utf-8")
    out = folder / provider
    done = command("run", "same.yaml", "--provider", provider, "--out", str(out), cwd=folder)
    assert done.code == 0, done.err
    frame = ckptmatrix.load_run((out / "same" / "latest").resolve()).frame()
    # Which patch release of Python each has is not what is compared.
    other = ["versions", *(column.name for column in COLUMNS if column.volatile)]
    lasting = frame.drop(columns=other)
    return lasting.sort_values(WHICH).reset_index(drop=True)


def test_containers_and_virtual_environments_say_the_same(tmp_path: Path) -> None:
    engine_or_skip().close()
    venv, docker = outcomes(tmp_path, "venv"), outcomes(tmp_path, "docker")
    assert set(venv["case"]) == set(CASES)
    assert set(venv["mode"]) >= {mode.value for mode in Mode if not mode.is_cure}
    # Equality proves something only where there is more than one kind of answer.
    assert len(set(venv["verdict"])) > 1
    differing = venv.compare(docker, result_names=("venv", "docker"))
    assert differing.empty, differing.to_string()
