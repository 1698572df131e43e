"""The example of docs/cases.md, in the environments it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ckptmatrix
from e2e_program import command

if TYPE_CHECKING:
    import pandas as pd

DOC = (Path(__file__).parents[2] / "docs" / "cases.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What the example's commands come to."""
    folder = tmp_path_factory.mktemp("example")
    for language, name in (("python", "adapter_cases.py"), ("yaml", "adapters.yaml")):
        blocks = re.findall(rf"```{language}\n(# {re.escape(name)}\n.*?)```", DOC, flags=re.DOTALL)
        (text,) = blocks
        (folder / name).write_text(text, encoding="utf-8")
    (console,) = re.findall(r"```console\n(\$ ckptmatrix cases .*?)```", DOC, flags=re.DOTALL)
    for line in console.splitlines():
        program, *arguments = line.removeprefix("$ ").replace("'", "").split()
        assert program == "ckptmatrix"
        done = command(*arguments, cwd=folder)
        assert done.code == 0, done.err
    frame = ckptmatrix.load_run(folder / "reports" / "adapters" / "latest").frame()
    return frame[frame.case.str.startswith("adapter").astype(bool)]


@pytest.mark.timeout(600)
def test_everything_is_as_the_cases_expect_but_for_the_first(frame: pd.DataFrame) -> None:
    others = frame[frame.case != "adapter"]
    assert others.as_expected.all()
    assert set(others.case) == {"adapter_as_list", "adapter_of_another_rank"}
    assert not frame.verdict.isin(["error", "aborted"]).any()


def test_which_modes_load_the_first(frame: pd.DataFrame) -> None:
    adapter = frame[frame.case == "adapter"]
    old = adapter[adapter.consumer.str.contains("torch1")]
    new = adapter[adapter.consumer.str.contains("torch2")]
    assert set(old[old.verdict == "ok"]["mode"]) == {"plain", "mapped", "trusted"}
    assert set(new[new.verdict == "ok"]["mode"]) == {"allowlisted", "trusted"}
    assert set(new[new.verdict == "failed"].reason) == {"weights_only_refused"}


def test_the_other_cases(frame: pd.DataFrame) -> None:
    listed = frame[frame.case == "adapter_as_list"]
    assert set(listed.verdict) == {"ok", "unsupported"}
    refused = frame[frame.case == "adapter_of_another_rank"]
    assert set(refused.reason) == {"size_mismatch", "mode_missing"}
