"""``rescue`` over real cells: over one cell, over two, and where there is no way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from e2e_program import Finished, command
from own_files import NUMPY1, OLDEST, RECENT, STRICT, TRANSFORMER, in_cell

if TYPE_CHECKING:
    from pathlib import Path

STATE = """
import torch
weight = torch.arange(12.).reshape(3, 4)
torch.save({"model": {"a": weight, "tied": weight[1:]}, "epoch": 3}, "state.pt")
"""
#: A folder that only torch 2 loads, with a scalar of NumPy 2 in it.
SHARDS = """
import numpy, torch, warnings
import torch.distributed.checkpoint as dcp
warnings.simplefilter("ignore")
state = {"model": {"a": torch.arange(6.).reshape(2, 3)}, "loss": numpy.float64(1.5)}
dcp.save(state, checkpoint_id="shards", no_dist=True)
"""
ATTENTION = "import torch; torch.save(torch.nn.MultiheadAttention(4, 2), 'attention.pt')"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of these keep what they saw."""
    return tmp_path_factory.mktemp("reports")


def rescue(path: Path, to: str, reports: Path) -> tuple[Finished, dict[str, Any]]:
    asked = ("--provider", "venv", "--reports", str(reports), "--trust", "--json")
    done = command("rescue", str(path), "--to", to, *asked)
    return done, json.loads(done.out)


def test_a_recent_zip_file_reaches_the_oldest_torch_in_the_legacy_format(
    tmp_path: Path, reports: Path
) -> None:
    in_cell(RECENT, STATE, tmp_path)
    path = tmp_path / "state.pt"
    before = path.read_bytes()
    done, said = rescue(path, OLDEST, reports)
    assert done.code == 0
    assert [step["container"] for step in said["route"]] == ["legacy"]
    assert said["differences"] == []
    assert path.read_bytes() == before
    new = tmp_path / f"state.for-{OLDEST}.pt"
    assert said["new_file"] == str(new)
    # The oldest torch itself, without any of this program.
    in_cell(
        OLDEST,
        f"import torch; d = torch.load({str(new)!r}); m = d['model']\n"
        "assert d['epoch'] == 3 and m['a'].sum() == 66\n"
        "assert m['a'].storage().data_ptr() == m['tied'].storage().data_ptr()",
        tmp_path,
    )
    sidecar = json.loads((tmp_path / f"{new.name}.ckptmatrix.json").read_bytes())
    assert sidecar["sha256"] == said["new_sha256"]
    assert sidecar["extra"]["rescued_from"] == said["sha256"]


def test_scalars_of_numpy_2_reach_numpy_1_over_two_cells(tmp_path: Path, reports: Path) -> None:
    in_cell(RECENT, SHARDS, tmp_path)
    done, said = rescue(tmp_path / "shards", TRANSFORMER, reports)
    assert done.code == 0
    assert set(said["able"]) == {STRICT, RECENT}
    assert len(said["route"]) == 2
    assert said["route"][0]["cell"] in {STRICT, RECENT}
    assert said["route"][1]["cell"] == NUMPY1
    assert said["differences"] == []
    assert {each["why"] for each in said["tried"] if len(each["steps"]) == 1} == {
        "ModuleNotFoundError: No module named 'numpy._core'"
    }
    new = tmp_path / f"shards.for-{TRANSFORMER}.pt"
    check = f"import torch; d = torch.load({str(new)!r}); assert float(d['loss']) == 1.5"
    in_cell(TRANSFORMER, check, tmp_path)


def test_a_class_that_was_removed_has_no_way(tmp_path: Path, reports: Path) -> None:
    in_cell(TRANSFORMER, ATTENTION, tmp_path)
    done, said = rescue(tmp_path / "attention.pt", RECENT, reports)
    assert done.code == 1
    assert said["able"] == [TRANSFORMER]
    assert (said["route"], said["new_file"]) == (None, None)
    assert said["tried"]
    assert all("_LinearWithBias" in each["why"] for each in said["tried"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attention.pt"]


def test_what_loads_already_is_left_alone(tmp_path: Path, reports: Path) -> None:
    in_cell(OLDEST, "import torch; torch.save({'a': torch.ones(2)}, 'old.pt')", tmp_path)
    done, said = rescue(tmp_path / "old.pt", RECENT, reports)
    assert (done.code, said["loads_already"], said["new_file"]) == (0, "plain", None)
