"""Debian's own torch in real containers: known answers, costs, left-overs, a check by hand."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import ckptcell.cases
import ckptmatrix
from ckptcell.cases.base import Case
from dockers import Traces, engine_or_skip
from e2e_program import REPOSITORY, command
from inspected import problems
from known_answers import assert_answer, cases_of, name_of, read_answers
from own_cell import own_rows, unexpected
from stored import stored

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.timeout(3_600)

ANSWERS = read_answers("known_answers_debian.yaml")
#: Every case, or with ``CKPTMATRIX_TEST_DEBIAN=answers`` those that answers are about.
CASES = cases_of(ANSWERS) if os.environ.get("CKPTMATRIX_TEST_DEBIAN") == "answers" else "*"
#: What a person would write: each file in a process of its own, since one may abort.
BY_HAND = r"""
import json, os, sys, torch
answers = {}
for name in sorted(os.listdir("/checkpoints")):
    for mode in ("plain", "trusted"):
        kwargs = {}
        if mode == "trusted":
            kwargs["map_location"] = "cpu"
            if "weights_only" in torch.load.__code__.co_varnames:
                kwargs["weights_only"] = False
        child = os.fork()
        if child == 0:
            try:
                torch.load("/checkpoints/" + name, **kwargs)
            except BaseException:
                os._exit(1)
            os._exit(0)
        answers[name + " " + mode] = os.waitpid(child, 0)[1] == 0
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run, and nothing left of it in the engine."""
    engine = engine_or_skip()
    out = tmp_path_factory.mktemp("reports")
    built = command("images", "build", "matrices/debian.yaml")
    assert built.code == 0, built.out + built.err
    before = Traces.of(engine)
    options = ("--provider", "docker", "--cases", CASES, "--out", str(out))
    # Every case takes a quarter of an hour where nothing else runs.
    done = command("run", "matrices/debian.yaml", *options, timeout_s=3_400)
    assert done.code == 0, done.err
    assert Traces.of(engine) == before
    return (out / "debian" / "latest").resolve()


@pytest.fixture(scope="module")
def frame(run: Path) -> pd.DataFrame:
    return ckptmatrix.load_run(run).frame()


def _is_cell(cell: str, name: str) -> bool:
    return cell.endswith(f"-{name}")


@pytest.mark.parametrize("answer", ANSWERS, ids=name_of)
def test_known_answer(frame: pd.DataFrame, answer: dict[str, Any]) -> None:
    assert_answer(frame, answer, _is_cell)


def test_complete_and_without_errors(run: Path, frame: pd.DataFrame) -> None:
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    assert len(frame) == plan["cost"]["loads"]
    assert not (frame.verdict == "error").any()


def test_no_failure_is_undiagnosed(frame: pd.DataFrame) -> None:
    bad = frame[frame.verdict.isin(["failed", "changed"])]
    undiagnosed = bad[bad.diagnosis.isna() | (bad.diagnosis == "")]
    assert undiagnosed[["case", "mode", "reason", "message"]].drop_duplicates().empty
    assert (bad.cause != "").all()


def test_what_a_cell_saves_it_loads_as_declared(run: Path) -> None:
    assert unexpected(own_rows(ckptmatrix.load_run(run))) == []


def test_every_checkpoint_is_inspected_as_its_producer_saw_it(run: Path) -> None:
    assert problems(run) == []


def test_five_releases_of_torch(run: Path) -> None:
    cells = ckptmatrix.load_run(run).cells()
    assert cells.torch.map(lambda version: version.split("+")[0]).nunique() == 5
    assert cells.trusted.all()


def test_at_most_three_containers_a_cell(run: Path) -> None:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["counts"]["jobs"] <= 3 * len(record["cells"])


def test_a_crash_ends_one_load_and_not_the_run(frame: pd.DataFrame) -> None:
    crashed = frame[frame.reason == "crashed"]
    assert len(crashed) >= 2
    others = frame[frame.consumer.isin(crashed.consumer) & (frame.case == "state_dict")]
    assert set(others[others["mode"] == "plain"].verdict) == {"ok"}


def test_a_loop_written_by_hand_gives_the_same_answers(
    run: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    """`docker run` and `torch.load` for every checkpoint of every producer, in every consumer."""
    reports = run.parent.parent
    loads = frame[
        frame["mode"].isin(["plain", "trusted"])
        & frame.checkpoint.notna()
        & frame.case.isin(_loaded_by_torch_load())
    ]
    for sha256 in loads.checkpoint.unique():
        place = stored(reports, sha256)
        if place is not None and place.is_file():
            (tmp_path / sha256).write_bytes(place.read_bytes())
    loads = loads[loads.checkpoint.map(lambda sha256: (tmp_path / sha256).exists())]
    compared = 0
    for consumer, rows in loads.groupby("consumer", observed=True):
        by_hand = _load_by_hand(str(consumer), tmp_path)
        for row in rows.itertuples():
            loaded = not (row.verdict == "failed" and row.stage == "load")
            assert by_hand[f"{row.checkpoint} {row.mode}"] == loaded, row
            compared += 1
    assert compared == len(loads) > 1_000


def _loaded_by_torch_load() -> set[str]:
    """Cases that are loaded by nothing but ``torch.load``, within the memory there is."""
    modules = [
        importlib.import_module(f"ckptcell.cases.{found.name}")
        for found in pkgutil.iter_modules(ckptcell.cases.__path__)
    ]
    kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    return {
        kind.name
        for kind in kinds
        if issubclass(kind, Case)
        and kind.load is Case.load
        and kind.format in ("pickle", "legacy")
        and kind.family != "resources"
    }


def _load_by_hand(cell: str, checkpoints: Path) -> dict[str, bool]:
    image = subprocess.run(
        ["docker", "images", "-q", "--filter", f"label=org.ckptmatrix.cell={cell}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    done = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "-e",
            "OMP_NUM_THREADS=1",
            "-v",
            f"{checkpoints}:/checkpoints:ro",
            "-v",
            # Named tuples and enumerations of our cases are pickled by their import name.
            f"{REPOSITORY / 'runner'}:/runner:ro",
            "-e",
            "PYTHONPATH=/runner",
            "--entrypoint",
            "/opt/cell/bin/python",
            image,
            "-c",
            BY_HAND,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return answers
