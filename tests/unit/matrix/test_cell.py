from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.matrix.cell import CELL_ID, Cell, derive_id, release_of


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Cell(id="", python="3.11", torch="2.6.0"), "py3.11-torch2.6.0-default"),
        (Cell(id="", python="3.11", torch="2.6.0", cuda="cpu"), "py3.11-torch2.6.0-cpu"),
        (Cell(id="", python="3.11", torch="2.6.0", cuda="12.4"), "py3.11-torch2.6.0-cu12.4"),
        (
            Cell(id="", python="3.8", torch="1.6.0", numpy="<2,>=1.20"),
            "py3.8-torch1.6.0-default-numpyge1.20_lt2",
        ),
        (
            Cell(id="", python="3.8", torch="1.6.0", packages=("Safe_Tensors[torch]==0.5.2",)),
            "py3.8-torch1.6.0-default-safe.tensors0.5.2",
        ),
        (
            Cell(id="", python="3.8", torch="1.6.0", platform="linux/arm64"),
            "py3.8-torch1.6.0-default-arm64",
        ),
        (Cell(id="", debian="trixie"), "debian-trixie"),
        (
            Cell(id="", image="registry.example/Team/serve:2026.10@sha256:ab"),
            "image-registry.example-team-serve-2026.10-sha256-ab",
        ),
    ],
)
def test_derived_ids(cell: Cell, expected: str) -> None:
    assert derive_id(cell) == expected
    assert CELL_ID.fullmatch(expected)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", fullmatch=True))
def test_every_image_has_a_valid_id(image: str) -> None:
    assert CELL_ID.fullmatch(derive_id(Cell(id="", image=image)))


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("2.6.0+cu124", (2, 6, 0)),
        ("1.13.0a0+gitunknown", (1, 13, 0)),
        ("v1.2", (1, 2)),
        ("nightly", ()),
    ],
)
def test_release_of(version: str, release: tuple[int, ...]) -> None:
    assert release_of(version) == release
