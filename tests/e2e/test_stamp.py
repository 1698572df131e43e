"""``stamp``, from the command line and in a real training environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from e2e_program import command
from own_files import OLDEST, RECENT, in_cell, interpreter

if TYPE_CHECKING:
    from pathlib import Path

SAVE = "import torch; torch.save({'w': torch.ones(2, 3)}, 'model.pt')"


def test_the_interpreter_that_made_it_says_what_it_is(tmp_path: Path) -> None:
    in_cell(OLDEST, SAVE, tmp_path)
    config = tmp_path / "train.yaml"
    config.write_text("lr: 0.1\nbetas: [0.9, 0.999]\n", encoding="utf-8")
    path = str(tmp_path / "model.pt")
    done = command("stamp", path, "--python", interpreter(OLDEST), "--config", str(config))
    assert done.code == 0
    sidecar = json.loads((tmp_path / "model.pt.ckptmatrix.json").read_bytes())
    assert sidecar["environment"]["torch"] == "1.4.0"
    assert sidecar["environment"]["python"].startswith("3.6.")
    assert sidecar["environment"]["cuda"]
    assert sidecar["config"] == {"lr": 0.1, "betas": [0.9, 0.999]}
    assert sidecar["architecture"]["tensors"] == [
        {"name": "['w']", "dtype": "torch.float32", "shape": [2, 3]}
    ]


def test_a_check_reads_it_and_names_the_cell_that_is_another(tmp_path: Path) -> None:
    in_cell(RECENT, SAVE, tmp_path)
    path = str(tmp_path / "model.pt")
    assert command("stamp", path, "--python", interpreter(RECENT)).code == 0
    asked = ("--provider", "venv", "--out", str(tmp_path / "r"), "--json")
    done = command("check", path, "--cells", f"{OLDEST},{RECENT}", *asked)
    (file,) = json.loads(done.out)["files"]
    assert set(file["other_environments"]) == {OLDEST}
    assert file["other_environments"][OLDEST]["torch"][0].startswith("2.13.0")
    assert file["continuation"]["present"]["versions"] == "the sidecar"


def test_what_is_no_interpreter_is_said(tmp_path: Path) -> None:
    in_cell(RECENT, SAVE, tmp_path)
    path = str(tmp_path / "model.pt")
    done = command("stamp", path, "--python", "/bin/true")
    assert (done.code, "cannot say what it is" in done.err) == (2, True)
    done = command("stamp", path, "--python", str(tmp_path / "absent"))
    assert (done.code, "no program that can be run" in done.err) == (2, True)
