from __future__ import annotations

from pathlib import Path

from ckptmatrix.providers.venv.conditions import conditions, lay_out


def test_nothing_of_the_host_gets_in_but_a_schedulers_allocation() -> None:
    host = {"PYTHONPATH": "/x", "LD_LIBRARY_PATH": "/x", "CUDA_VISIBLE_DEVICES": "3", "A": "b"}
    given = conditions(host, Path("/venv"), Path("/scratch"))
    assert given["CUDA_VISIBLE_DEVICES"] == "3"
    assert not {"PYTHONPATH", "LD_LIBRARY_PATH", "A"} & set(given)
    assert "CUDA_VISIBLE_DEVICES" not in conditions({}, Path("/venv"), Path("/scratch"))


def test_the_conditions_are_those_the_cell_program_asserts() -> None:
    given = conditions({}, Path("/venv"), Path("/scratch"))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        assert given[name] == "1"
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        assert Path(given[name]).is_relative_to("/scratch")
    assert (given["PYTHONHASHSEED"], given["PYTHONNOUSERSITE"]) == ("0", "1")
    assert given["PATH"].split(":")[0] == "/venv/bin"


def test_inputs_are_links_that_survive_relative_paths(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "input"
    source.write_text("x")
    folder.mkdir()
    lay_out({"deep/down/file.pt": source}, folder)
    link = folder / "deep/down/file.pt"
    assert link.read_text() == "x"
    assert link.readlink().is_absolute()
