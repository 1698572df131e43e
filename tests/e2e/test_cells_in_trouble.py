"""Cells that cannot be used: an error with its reason each, exit code 3, all others complete."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import ckptmatrix
from e2e_program import command

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

MATRIX = """
name: lame
include:
  - {python: "3.11", torch: "2.13.0"}
  - {python: "3.7", torch: "1.7.1", id: no-python}
  - {python: "3.11", torch: "2.13.0", packages: ["ckptmatrix-no-such-package==1.0"], id: no-package}
  - {python: "3.12", torch: "2.0.1", id: no-wheel}
  - {debian: trixie, id: needs-docker}
cases: {select: [state_dict]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], pd.DataFrame]:
    """Exit code, summary and outcomes."""
    folder = tmp_path_factory.mktemp("lame")
    (folder / "lame.yaml").write_text(MATRIX, encoding="utf-8")
    # Pythons that only a version manager knows, or that were found before, are out of sight.
    cache = str(folder / "cache")
    hidden = {"PYENV_ROOT": str(folder), "PATH": "/usr/bin:/bin", "CKPTMATRIX_CACHE": cache}
    done = command("run", "lame.yaml", "--provider", "venv", "--json", cwd=folder, env=hidden)
    summary = json.loads(done.out)
    return done.code, summary, ckptmatrix.load_run(folder / summary["folder"]).frame()


def test_the_exit_code_says_that_a_cell_could_not_be_used(run: tuple[int, Any, Any]) -> None:
    assert run[0] == 3


@pytest.mark.parametrize(
    ("cell", "verdict", "reason", "words"),
    [
        ("no-python", "error", "python_not_found", "3.7"),
        ("no-package", "error", "install_failed", "ckptmatrix-no-such-package"),
        ("no-wheel", "unsupported", "no_wheel", "3.12"),
        ("needs-docker", "error", "host_unsupported", "docker"),
    ],
)
def test_each_cell_says_why(
    run: tuple[int, dict[str, Any], Any], cell: str, verdict: str, reason: str, words: str
) -> None:
    found = run[1]["cells"][cell]
    assert (found["verdict"], found["reason"]) == (verdict, reason)
    assert words in found["message"]


def test_the_others_complete(run: tuple[int, Any, pd.DataFrame]) -> None:
    frame = run[2]
    own = frame[(frame.producer == frame.consumer) & (frame.case == "state_dict")]
    good = own[own.producer == "py3.11-torch2.13.0-default"]
    assert set(good.verdict) == {"ok"}


def test_nothing_is_absent(run: tuple[int, Any, pd.DataFrame]) -> None:
    assert run[2].groupby(["producer", "consumer"], observed=True).ngroups == 25


def _fake_torch(folder: Path) -> None:
    """A wheel that calls itself torch 99.9.9 and, once imported, torch 99.9.8."""
    info = "torch-99.9.9.dist-info"
    with zipfile.ZipFile(folder / "torch-99.9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "torch/__init__.py",
            "from torch import __config__, version\n"
            "__version__ = '99.9.8'\n"
            "get_num_threads = int\n",
        )
        wheel.writestr("torch/__config__.py", "def show():\n    return ''\n")
        wheel.writestr("torch/version.py", "cuda = None\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 99.9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_a_cell_that_is_not_what_its_id_says(tmp_path: Path) -> None:
    _fake_torch(tmp_path)
    matrix = f"""
name: liar
include:
  - {{python: "3.11", torch: "99.9.9"}}
cases: {{select: [state_dict]}}
build: {{find_links: {tmp_path}}}
"""
    (tmp_path / "liar.yaml").write_text(matrix, encoding="utf-8")
    done = command("run", "liar.yaml", "--provider", "venv", "--json", cwd=tmp_path)
    assert done.code == 3
    liar = json.loads(done.out)["cells"]["py3.11-torch99.9.9-default"]
    assert (liar["verdict"], liar["reason"]) == ("error", "environment_mismatch")
    assert "99.9.8, not 99.9.9" in liar["message"]
