from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell.conditions import conditioned

NAMES = st.sampled_from(
    ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "OMP_NUM_THREADS", "PYTHONPATH")
) | st.text("ABC_", min_size=1)
ENVIRONS = st.dictionaries(NAMES, st.text("/scratchx.1", max_size=12))


@given(ENVIRONS)
def test_once_is_enough(environ: dict[str, str]) -> None:
    once = conditioned(environ, "/scratch")
    assert conditioned(once, "/scratch") == once


@given(ENVIRONS)
def test_everything_written_is_written_on_scratch(environ: dict[str, str]) -> None:
    made = conditioned(environ, "/scratch")
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        assert (made[name] + "/").startswith("/scratch/")
    assert made["USER"]
    assert made["LOGNAME"]


def test_the_hosts_settings_do_not_reach_a_cell() -> None:
    host = {
        "PYTHONPATH": "/elsewhere",
        "PYTHONHASHSEED": "7",
        "TORCH_HOME": "/elsewhere",
        "OMP_NUM_THREADS": "8",
        "PATH": "/bin",
        "CKPTCELL_ISOLATION": "spawn",
        "PYTHONDONTWRITEBYTECODE": "1",
        "USER": "somebody",
    }
    made = conditioned(host, "/scratch")
    assert made == {
        "PATH": "/bin",
        "CKPTCELL_ISOLATION": "spawn",
        "USER": "somebody",
        "LOGNAME": "cell",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HOME": "/scratch/home",
        "TMPDIR": "/scratch/tmp",
        "XDG_CACHE_HOME": "/scratch/cache",
    }
    assert host["OMP_NUM_THREADS"] == "8"


@pytest.mark.parametrize(
    ("home", "kept"), [("/scratch", True), ("/scratch/a", True), ("/scratch2", False), ("", False)]
)
def test_a_folder_on_scratch_is_kept(home: str, kept: bool) -> None:  # noqa: FBT001 - a parameter
    assert (conditioned({"HOME": home}, "/scratch")["HOME"] == home) is kept
