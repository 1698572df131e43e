"""``check`` over real cells: files made by another cell, and published files of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from e2e_program import Finished, command
from own_files import NUMPY1, OLDEST, RECENT, STRICT, TRANSFORMER, in_cell, published

if TYPE_CHECKING:
    from pathlib import Path

ALL = (OLDEST, TRANSFORMER, NUMPY1, STRICT, RECENT)
NET = "torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))"
TRAINED = f"""
import torch
net = {NET}
optimizer = torch.optim.Adam(net.parameters())
net(torch.ones(1, 3)).sum().backward()
optimizer.step()
state = {{"module." + key: value for key, value in net.state_dict().items()}}
torch.save({{"state_dict": state, "optimizer": optimizer.state_dict(), "epoch": 3}}, "ddp.pt")
torch.save(net, "whole.pt")
"""
MODEL = f"""
import torch

def make():
    return {NET}

def wider():
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
"""


def check(folder: Path, *arguments: str) -> tuple[Finished, dict[str, Any]]:
    """A check over the shipped default matrix, and its record."""
    asked = ("--provider", "venv", "--out", str(folder / "reports"), "--json")
    done = command("check", *arguments, *asked)
    return done, json.loads(done.out)


def verdicts(file: dict[str, Any], mode: str) -> dict[str, str]:
    return {
        load["cell"]: load["judgement"]["verdict"] for load in file["loads"] if load["mode"] == mode
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that a recent torch made, and their model."""
    made = tmp_path_factory.mktemp("own")
    in_cell(RECENT, TRAINED, made)
    (made / "mine.py").write_text(MODEL, encoding="utf-8")
    return made


def test_who_can_load_a_training_checkpoint_and_what_it_lacks(folder: Path) -> None:
    before = (folder / "ddp.pt").read_bytes()
    done, record = check(folder, str(folder / "ddp.pt"))
    assert done.code == 1
    (file,) = record["files"]
    expected = dict.fromkeys(ALL, "ok") | {OLDEST: "failed"}
    assert verdicts(file, "plain") == verdicts(file, "trusted") == expected
    assert verdicts(file, "mmap") == {
        **dict.fromkeys(ALL, "unsupported"),
        STRICT: "ok",
        RECENT: "ok",
    }
    assert len(file["groups"]) == 1
    (failed,) = {
        load["judgement"]["reason"]
        for load in file["loads"]
        if load["judgement"]["verdict"] == "failed"
    }
    assert failed == "format_too_new"
    assert set(file["continuation"]["present"]) == {"weights", "optimizer", "progress"}
    assert file["continuation"]["missing"] == ["scheduler", "rng", "scaler", "versions"]
    assert (folder / "ddp.pt").read_bytes() == before
    again, second = check(folder, str(folder / "ddp.pt"))
    assert again.code == 1
    assert (second["jobs"], second["done"]) == (0, 0)


def test_a_model_says_prefix_and_place_and_the_cure_is_seen_to_work(folder: Path) -> None:
    model = f"{folder / 'mine.py'}:make"
    done, record = check(
        folder, str(folder / "ddp.pt"), str(folder / "whole.pt"), "--model", model, "--trust"
    )
    assert done.code == 1
    wrapped, whole = record["files"]
    able = [TRANSFORMER, NUMPY1, STRICT, RECENT]
    assert [each["cell"] for each in wrapped["models"]] == able
    for each in wrapped["models"]:
        assert not each["fitting"]["loads"]
        assert each["fitting"]["verified"]
        assert "['state_dict']" in each["fitting"]["cause"]
        assert "«module.»" in each["fitting"]["cause"]
        assert each["fit"]["tries"][-1]["loaded"]["count"] == 4
    assert [each["mode"] for each in whole["models"]] == ["plain", "plain", "trusted", "trusted"]
    for each in whole["models"]:
        assert "a whole module lies in the file" in each["fitting"]["cause"]
        assert each["fitting"]["verified"]


def test_another_architecture_is_told_key_by_key(folder: Path) -> None:
    model = f"{folder / 'mine.py'}:wider"
    _, record = check(
        folder, str(folder / "ddp.pt"), "--model", model, "--cells", f"{STRICT},{RECENT}"
    )
    for each in record["files"][0]["models"]:
        last = each["fit"]["tries"][-1]
        assert last["how"]["partial"]
        assert [name for name, *_ in last["sizes"]["first"]] == ["0.weight", "0.bias", "2.weight"]
        assert last["sizes"]["first"][0] == ["0.weight", "[4, 3]", "[5, 3]"]
        assert last["loaded"]["first"] == ["2.bias"]
        assert not each["fitting"]["verified"]


def test_a_model_that_cannot_be_made_says_why(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import einops_of_mine", encoding="utf-8")
    done, record = check(
        folder,
        str(folder / "ddp.pt"),
        "--model",
        f"{tmp_path / 'needy.py'}:make",
        "--cells",
        RECENT,
    )
    assert done.code == 1
    (each,) = record["files"][0]["models"]
    assert "No module named 'einops_of_mine'" in each["fitting"]["sentence"]


def test_whole_modules_are_refused_by_default_since_torch_2_6(folder: Path) -> None:
    _, record = check(folder, str(folder / "whole.pt"), "--trust")
    (file,) = record["files"]
    assert verdicts(file, "plain")[STRICT] == verdicts(file, "plain")[RECENT] == "failed"
    assert verdicts(file, "trusted") == dict.fromkeys(ALL, "ok") | {OLDEST: "failed"}
    (refused,) = {
        load["judgement"]["reason"]
        for load in file["loads"]
        if load["cell"] == RECENT and load["judgement"]["verdict"] == "failed"
    }
    assert refused == "weights_only_refused"


def test_a_file_that_runs_code_is_not_loaded_without_consent(tmp_path: Path) -> None:
    code = "import os, torch\nclass E:\n  def __reduce__(self):\n    return os.mkdir, ('ran',)\n"
    in_cell(RECENT, f"{code}torch.save(E(), 'evil.pt')", tmp_path)
    evil = str(tmp_path / "evil.pt")
    done = command("check", evil, "--provider", "venv", "--out", str(tmp_path / "reports"))
    assert done.code == 2
    assert "mkdir" in done.err
    assert "nothing was loaded" in done.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.network
def test_published_weights_that_were_saved_on_a_gpu(tmp_path: Path) -> None:
    path = published("lpips", "v0.1/alex.pth", tmp_path)
    done, record = check(tmp_path, str(path))
    assert done.code == 0
    (file,) = record["files"]
    assert file["reading"]["format"] == "legacy"
    assert file["reading"]["tensor_count"] == 5
    assert verdicts(file, "plain") == dict.fromkeys(ALL, "failed")
    reasons = {load["judgement"]["reason"] for load in file["loads"] if load["mode"] == "plain"}
    assert reasons == {"device_unavailable"}
    assert verdicts(file, "mapped") == verdicts(file, "trusted") == dict.fromkeys(ALL, "ok")
    assert file["groups"] == [list(ALL)]
    for load in file["loads"]:
        if load["judgement"]["verdict"] == "failed":
            assert any(cure["verified"] for cure in load["diagnosis"]["cures"])


@pytest.mark.network
def test_a_published_program_of_torchscript(tmp_path: Path) -> None:
    path = published("silero-vad", "silero_vad.jit", tmp_path)
    refused = command("check", str(path), "--provider", "venv", "--out", str(tmp_path / "r"))
    assert refused.code == 2
    assert "a program" in refused.err
    done, record = check(tmp_path, str(path), "--trust")
    assert done.code == 1
    (file,) = record["files"]
    assert file["reading"]["format"] == "torchscript"
    assert verdicts(file, "plain") == {
        **dict.fromkeys((OLDEST, TRANSFORMER), "failed"),
        **dict.fromkeys((NUMPY1, STRICT, RECENT), "ok"),
    }
    reasons = {load["cell"]: load["judgement"]["reason"] for load in file["loads"]}
    assert (reasons[OLDEST], reasons[TRANSFORMER]) == ("format_too_new", "crashed")
    assert file["groups"] == [[NUMPY1, STRICT, RECENT]]
