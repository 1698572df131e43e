from __future__ import annotations

import pytest

from ckptmatrix.images.recipe import Base, Settings, make_recipe
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.docker.failures import TAIL_LINES, build_failed
from ckptmatrix.words import Reason

RECIPE = make_recipe(
    Cell(id="debian-sid", debian="sid"), Settings(), Base(name="debian:sid-slim", identity="")
)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("ERROR: process did not complete successfully: exit code: 90", "it has no Python"),
        ("The command returned a non-zero code: 91", "python3-venv"),
        ("executor failed running [x]: exit code: 92", "another release"),
        ("ERROR: No matching distribution found for torch==9.9 (from x)", "no wheel of torch==9.9"),
        (
            "ERROR: Could not find a version that satisfies the requirement a==1 (from versions: )",
            "there is no a==1",
        ),
        ("E: Unable to locate package python3-torch", "no package python3-torch"),
        ("E: Package 'python3-torch' has no installation candidate", "no package python3-torch"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]')",
            "build.ca_bundle",
        ),
        ("Temporary failure resolving 'deb.example'", "cannot be reached"),
        ("E: Release file for http://x/InRelease is expired (invalid since 1d)", "out of date"),
        ("something new\nand strange", "could not be built: and strange"),
        ("", "did not say why"),
    ],
)
def test_the_log_is_explained(log: str, said: str) -> None:
    error = build_failed(RECIPE, log)
    assert error.reason is Reason.INSTALL_FAILED
    assert said in error.message
    assert "\n" not in error.message


def test_what_a_base_lacks_names_the_base() -> None:
    assert "debian:sid-slim" in build_failed(RECIPE, "exit code: 90").message


def test_an_exit_code_of_another_tool_is_not_ours() -> None:
    assert "no Python" not in build_failed(RECIPE, "exit code: 100").message


def test_the_end_of_the_log_is_kept() -> None:
    log = "".join(f"line {number}\n\n" for number in range(1_000))
    tail = build_failed(RECIPE, log).log_tail.splitlines()
    assert len(tail) == TAIL_LINES
    assert tail[-1] == "line 999"
