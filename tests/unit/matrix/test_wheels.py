from __future__ import annotations

import json

import pytest

from ckptmatrix import shipped
from ckptmatrix.matrix.cell import Cell, release_of
from ckptmatrix.matrix.load import load_matrix
from ckptmatrix.matrix.wheels import (
    WheelFacts,
    build_of,
    download_bytes,
    index_of,
    load_facts,
    pythons,
    why_no_wheel,
)

AMD, ARM = "linux/amd64", "linux/arm64"


def cell(python: str, torch: str, cuda: str = "default", platform: str = AMD) -> Cell:
    return Cell(id="x", python=python, torch=torch, cuda=cuda, platform=platform)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            cell("3.12", "2.0.1"),
            (
                "torch 2.0.1 has no wheel for Python 3.12; its wheels are for 3.8 to 3.11; "
                "the first torch with wheels for 3.12 is 2.2.0"
            ),
        ),
        (
            cell("3.6", "2.6.0", "cpu"),
            (
                "torch 2.6.0 has no wheel for Python 3.6; its wheels are for 3.9 to 3.13; "
                "the last torch with wheels for 3.6 is 1.10.2"
            ),
        ),
        (
            cell("3.11", "2.6.0", "10.2"),
            "torch 2.6.0 was not built for CUDA 10.2; its CUDA builds are 11.8, 12.4 and 12.6",
        ),
        (
            cell("3.11", "1.13.1", "12.4"),
            "torch 1.13.1 was not built for CUDA 12.4; its CUDA builds are 11.6 and 11.7",
        ),
        (
            cell("3.11", "2.6.1"),
            (
                "torch 2.6.1 has no published wheels for x86_64; those nearest to it are 2.6.0 and "
                "2.7.0"
            ),
        ),
        (
            cell("3.11", "0.4.1", "cpu"),
            "torch 0.4.1 has no published wheels; the first that has is 1.0.0",
        ),
        (
            cell("3.8", "1.4.0", platform=ARM),
            "torch 1.4.0 has no published wheels for aarch64; the first that has is 1.8.0",
        ),
    ],
)
def test_refusals(wanted: Cell, sentence: str) -> None:
    assert why_no_wheel(wanted) == sentence


@pytest.mark.parametrize(
    "wanted",
    [
        cell("3.6", "1.4.0"),
        cell("3.8", "1.7.1"),
        cell("3.10", "1.12.1", "cpu"),
        cell("3.11", "2.13.0"),
        cell("3.13", "2.6.0", "12.4"),
    ],
)
def test_known_wheels_are_not_refused(wanted: Cell) -> None:
    assert why_no_wheel(wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        cell("3.11", "99.0.0"),
        cell("3.11", "99.0.0", "cpu"),
        cell("3.11", "2.9.1", "12.9"),
        cell("3.11", "2.6.0", "12.4", ARM),
        cell("3.7", "1.3.1", "10.0"),
        Cell(id="x", debian="trixie"),
        Cell(id="x", image="registry.example/a"),
        cell("3.11", "2.6.0", platform="linux/riscv64"),
    ],
    ids=["newer", "newer-cpu", "unannounced", "arm-cuda", "series-unknown", "suite", "image", "rv"],
)
def test_what_nobody_knows_is_not_refused(wanted: Cell) -> None:
    assert why_no_wheel(wanted) is None


def test_an_index_that_was_read_is_believed() -> None:
    facts = WheelFacts(
        builds={
            "default": {"x86_64": {"2.6.0": {"3.11": 1}}},
            "12.4": {"x86_64": {"2.6.0": {"3.11": None}, "2.7.0": {"3.12": 5}}},
        },
        cuda={"2.6": ("11.8", "12.4")},
    )
    assert why_no_wheel(cell("3.11", "2.6.0", "12.4"), facts) is None
    assert download_bytes(cell("3.11", "2.6.0", "12.4"), facts) is None
    assert download_bytes(cell("3.12", "2.7.0", "12.4"), facts) == 5
    refusal = why_no_wheel(cell("3.12", "2.6.0", "12.4"), facts)
    assert refusal is not None
    assert refusal.endswith("the first torch with wheels for 3.12 is 2.7.0")


def test_python_that_only_another_machine_has_is_tried_elsewhere() -> None:
    facts = WheelFacts(
        builds={"default": {"x86_64": {"1.0.0": {"3.9": 1}}, "aarch64": {"1.0.0": {"3.10": 1}}}},
        cuda={},
    )
    assert why_no_wheel(cell("3.10", "1.0.0"), facts) is not None
    assert why_no_wheel(cell("3.10", "1.0.0", "cpu"), facts) is None


def test_download_size() -> None:
    assert download_bytes(cell("3.6", "1.4.0")) == 753_377_187
    assert download_bytes(cell("3.6", "1.4.0", "cpu")) is None
    assert download_bytes(cell("3.12", "2.0.1")) is None
    assert download_bytes(Cell(id="x", debian="sid")) is None


def test_every_cell_of_shipped_matrices_has_a_wheel() -> None:
    for path in shipped.matrices().glob("*.yaml"):
        for each in load_matrix(path, environ={}).cells:
            assert why_no_wheel(each) is None
            if each.cuda == "default" and each.is_wheels:
                assert download_bytes(each)


def test_table_is_in_order_and_whole() -> None:
    for machines in load_facts().builds.values():
        for releases in machines.values():
            assert list(releases) == sorted(releases, key=release_of)
            assert all(releases.values())
            for sizes in releases.values():
                assert list(sizes) == sorted(sizes, key=release_of)
    assert len(load_facts().builds["default"]["x86_64"]) > 45


def test_announced_builds_name_their_source() -> None:
    path = shipped.matrices() / "data" / "cuda.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    for entry in table["torch"].values():
        assert entry["source"] in table["sources"]
        assert entry["cuda"] == sorted(entry["cuda"], key=release_of)


@pytest.mark.parametrize(("cuda", "build"), [("cpu", "cpu"), ("12.4", "cu124"), ("9.2", "cu92")])
def test_builds_are_named_as_indexes_name_them(cuda: str, build: str) -> None:
    assert build_of(cuda) == build


def test_index_of_a_build() -> None:
    assert index_of("default") is None
    assert str(index_of("cpu")).endswith("/cpu")
    assert str(index_of("12.4")).endswith("/cu124")


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        (["3.8"], "3.8"),
        (["3.8", "3.9"], "3.8 and 3.9"),
        (["3.10", "3.8", "3.9"], "3.8 to 3.10"),
        (["3.6", "3.8", "3.9", "3.10"], "3.6 and 3.8 to 3.10"),
        (["2.7", "3.5", "3.7"], "2.7, 3.5 and 3.7"),
    ],
)
def test_pythons(versions: list[str], words: str) -> None:
    assert pythons(versions) == words
