"""Given files in cells with a real torch: loaded, saved again, put into a user's model.

``CKPTMATRIX_TEST_ENVS`` names interpreters that have torch, separated by colons.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import pytest

from cell_jobs import CellFolders, JobRun, torch_interpreters
from ckptmatrix.judge.model_fit import Fit, Tried, explain_fit, read_fit
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.store.describe import describe
from ckptmatrix.wire import Done, Manifest, Model, Source, Task
from ckptmatrix.words import Mode, Phase, Result

pytestmark = pytest.mark.skipif(
    not torch_interpreters(), reason="CKPTMATRIX_TEST_ENVS names no interpreter with torch"
)

MAKE = """\
import inspect, sys, torch
sys.path.insert(0, "model")
import net
torch.manual_seed(0)
state = net.make().state_dict()
named = lambda add, cut=0: {add + key[cut:]: value for key, value in state.items()}
files = {
    "bare": state,
    "stripped": named("module."),
    "nested": {"epoch": 3, "ema": None, "state_dict": named("_orig_mod.")},
    "inner": {key[4:]: value for key, value in state.items() if key.startswith("net.")},
    "module": net.make(),
    "holder": {"model": net.make(), "epoch": 1},
    "swapped": {"backbone." + key[4:]: value for key, value in state.items()},
    "double": {key: value.double() for key, value in state.items()},
    "wider": net.wider().state_dict(),
    "foreign": {"somewhere.else": torch.ones(2)},
    "number": 3,
}
for name, value in files.items():
    torch.save(value, name + ".pt")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), "program.pt")
"""
NET = """\
import torch

class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Linear(width, 2))

def make():
    return Net(4)

def wider():
    return Net(5)

def broken():
    raise OSError("no weights of mine here")
"""
FILES = (
    "bare",
    "stripped",
    "nested",
    "inner",
    "module",
    "holder",
    "swapped",
    "double",
    "wider",
    "foreign",
    "number",
)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one torch answered."""

    cell: CellFolders
    loads: JobRun
    saves: JobRun

    def fit(self, file: str) -> Fit:
        done = self.loads.dones[f"fit{file}", 1]
        fit = read_fit(self.loads.observations[done.observation or ""].value)
        assert fit is not None
        return fit

    def cured(self, file: str) -> Tried:
        """The try that fills the whole model, which is not the first."""
        (found,) = [each for each in self.fit(file).tries[1:] if each.complete]
        return found

    def resaved(self, container: str) -> Done:
        return self.saves.dones[container, 1]


@pytest.fixture(scope="module", params=torch_interpreters())
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    program = build_cell_program(tmp_path_factory.mktemp("program"))
    cell = CellFolders(
        interpreter=request.param, program=[str(program)], root=tmp_path_factory.mktemp("cell")
    )
    (cell.input / "model").mkdir()
    (cell.input / "model" / "net.py").write_text(NET, encoding="utf-8")
    subprocess.run([request.param, "-c", MAKE], cwd=cell.input, check=True)
    shutil.rmtree(cell.input / "model" / "__pycache__", ignore_errors=True)
    digests = {file: describe(cell.input / f"{file}.pt").sha256 for file in (*FILES, "program")}

    def load(file: str, *, fit: bool) -> Task:
        return Task(
            id=f"{'fit' if fit else 'load'}{file}",
            case="given_pickle",
            mode=Mode.TRUSTED,
            path=f"{file}.pt",
            sha256=digests[file],
            fit=fit,
        )

    def save(name: str, file: str, container: str, case: str = "given_pickle") -> Task:
        source = Source(
            path=f"{file}.pt",
            sha256=digests[file],
            mode=Mode.MAPPED,
            container="legacy" if container == "legacy" else "zip",
        )
        return Task(id=name, case=case, path=f"{name}/saved.pt", source=source)

    loads = Manifest(
        phase=Phase.LOAD,
        repeat=True,
        model=Model(path="model", module="net", factory="make"),
        tasks=tuple(load(file, fit=fit) for file in FILES for fit in (False, True)),
    )
    saves = Manifest(
        phase=Phase.SAVE,
        repeat=True,
        tasks=(
            save("zip", "bare", "zip"),
            save("legacy", "bare", "legacy"),
            save("program", "program", "zip", "given_torchscript"),
            save("programlegacy", "program", "legacy", "given_torchscript"),
            save("wrong", "bare", "zip").model_copy(
                update={
                    "source": Source(path="bare.pt", sha256="0" * 64, mode=Mode.PLAIN),
                }
            ),
        ),
    )
    return Answers(cell=cell, loads=cell.run(loads), saves=cell.run(saves))


def test_every_file_loads_once_and_is_believed(answers: Answers) -> None:
    assert (answers.loads.code, answers.saves.code) == (0, 0), answers.loads.stderr
    for file in FILES:
        done = answers.loads.dones[f"load{file}", 1]
        # Nothing to compare with is no reason to load it twice.
        assert (done.result, done.final) == (Result.RETURNED, True), done.exception


def test_what_fits_is_not_changed(answers: Answers) -> None:
    fit = answers.fit("bare")
    assert (fit.model, fit.keys, len(fit.tries)) == ("net.Net", 4, 1)
    assert fit.tries[0].complete
    assert explain_fit(fit).loads


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("stripped", ("", "module.", "", False)),
        ("nested", ("['state_dict']", "_orig_mod.", "", False)),
        ("inner", ("", "", "net.", False)),
        ("module", ("", "", "", True)),
        ("holder", ("['model']", "", "", True)),
        ("swapped", ("", "backbone.", "net.", False)),
    ],
)
def test_a_prefix_a_place_and_a_strategy_are_found_and_seen_to_work(
    answers: Answers, file: str, how: tuple[str, str, str, bool]
) -> None:
    fit = answers.fit(file)
    assert fit.tries[0].error is not None
    cured = answers.cured(file)
    done = cured.how
    assert (done.place, done.strip, done.add, done.module) == how
    assert cured.loaded.count == 4
    assert explain_fit(fit).verified


def test_a_dtype_that_the_model_changes_is_seen(answers: Answers) -> None:
    first = answers.fit("double").tries[0]
    assert first.complete
    assert first.casts.count == 4
    assert first.casts.first[0] == ("net.0.weight", "torch.float64", "torch.float32")


def test_of_another_width_the_rest_is_loaded(answers: Answers) -> None:
    fit = answers.fit("wider")
    last = fit.tries[-1]
    assert last.how.partial
    assert last.error is None
    assert last.sizes.names == ("net.0.weight", "net.0.bias", "net.1.weight")
    assert last.loaded.names == ("net.1.bias",)
    assert not explain_fit(fit).verified


@pytest.mark.parametrize("file", ["foreign", "number"])
def test_what_has_nothing_of_the_model_is_another_architecture(answers: Answers, file: str) -> None:
    fit = answers.fit(file)
    assert len(fit.tries) == 1
    assert fit.tries[0].missing.count == 4
    assert "another architecture" in explain_fit(fit).cause


def test_a_factory_that_raises_is_told_from_a_file_that_does_not_fit(answers: Answers) -> None:
    cell = answers.cell
    digest = describe(cell.input / "bare.pt").sha256
    for model, stage in (
        (Model(path="model", module="net", factory="broken"), "make"),
        (Model(path="model", module="net", factory="absent"), "import"),
        (Model(path="model", module="absent.mine", factory="make"), "import"),
    ):
        run = cell.run(
            Manifest(
                phase=Phase.LOAD,
                model=model,
                tasks=(
                    Task(
                        id="one",
                        case="given_pickle",
                        mode=Mode.PLAIN,
                        path="bare.pt",
                        sha256=digest,
                        fit=True,
                    ),
                ),
            )
        )
        fit = read_fit(run.observations[run.dones["one", 1].observation or ""].value)
        assert fit is not None
        assert fit.trouble is not None
        assert fit.trouble.stage == stage


def test_a_file_is_saved_again_with_what_was_in_it(answers: Answers) -> None:
    seen = answers.loads.dones["loadbare", 1].observation
    for container in ("zip", "legacy"):
        done = answers.resaved(container)
        assert done.result is Result.RETURNED, done.exception
        assert done.observation == seen
        assert done.checkpoint is not None
        written = answers.cell.output / container / "saved.pt"
        assert describe(written).sha256 == done.checkpoint.sha256
        assert written.read_bytes().startswith(b"PK") is (container == "zip")


def test_a_program_has_one_container(answers: Answers) -> None:
    assert answers.resaved("program").result is Result.RETURNED
    refused = answers.resaved("programlegacy")
    assert (refused.result, refused.checkpoint) == (Result.UNSUPPORTED, None)


def test_another_file_than_was_meant_is_not_saved_again(answers: Answers) -> None:
    done = answers.resaved("wrong")
    assert (done.result, done.checkpoint) == (Result.INPUT_MISMATCH, None)


def test_the_input_is_as_it_was(answers: Answers) -> None:
    assert not list(answers.cell.input.rglob("__pycache__"))
