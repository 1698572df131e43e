from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ckptmatrix import shipped
from ckptmatrix.errors import MatrixError
from ckptmatrix.matrix.load import load_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.matrix.model import Matrix

    Load = Callable[..., Matrix]

FULL = """
name: example
axes:
  python: ["3.9", "3.12"]
  torch: ["1.13.1", "2.6.0"]
  cuda: [default, "12.4"]
exclude:
  - {python: ">=3.12", torch: "<2.2"}
include:
  - {python: "3.8", torch: "1.6.0", numpy: "<1.22"}
  - {debian: trixie, platform: linux/arm64}
  - {id: serving, image: "registry.example/serve:2026.10", interpreter: /opt/venv/bin/python}
  - {python: "3.11", torch: "2.6.0", packages: ["safetensors == 0.5.2"], id: with-safetensors}
devices: [cpu, "cuda:0"]
cases: {select: ["*"], exclude: ["family:torchscript"], files: [mine.py]}
limits: {memory: 2GiB, pids: 128, timeout: 1.5m, disk: 20GB, output: 512kB}
build: {ca_bundle: $BUNDLE, index: "${INDEX}", find_links: wheels, base: "mine:{python}"}
platform: linux/amd64
hosts: [{name: here, provider: venv}]
"""


@pytest.fixture
def full(tmp_path: Path, load: Load) -> Matrix:
    (tmp_path / "mine.py").touch()
    (tmp_path / "ca.pem").touch()
    (tmp_path / "wheels").mkdir()
    return load(FULL, {"BUNDLE": "ca.pem", "INDEX": "file:///srv/simple"})


def test_cells_and_what_was_left_out(full: Matrix) -> None:
    assert [cell.id for cell in full.cells] == [
        "py3.9-torch1.13.1-default",
        "py3.9-torch1.13.1-cu12.4",
        "py3.9-torch2.6.0-default",
        "py3.9-torch2.6.0-cu12.4",
        "py3.12-torch2.6.0-default",
        "py3.12-torch2.6.0-cu12.4",
        "py3.8-torch1.6.0-default-numpylt1.22",
        "debian-trixie-arm64",
        "serving",
        "with-safetensors",
    ]
    assert [(entry.cell.id, entry.rule) for entry in full.left_out] == [
        ("py3.12-torch1.13.1-default", "python >=3.12, torch <2.2 (line 8)"),
        ("py3.12-torch1.13.1-cu12.4", "python >=3.12, torch <2.2 (line 8)"),
    ]
    assert full.cells[-1].packages == ("safetensors==0.5.2",)
    assert full.cells[-2].interpreter == "/opt/venv/bin/python"
    assert not full.cells[-3].is_wheels


def test_everything_else(full: Matrix, tmp_path: Path) -> None:
    assert full.name == "example"
    assert full.digest == hashlib.sha256(full.path.read_bytes()).hexdigest()
    assert full.devices == ("cpu", "cuda:0")
    assert full.cases.files == (tmp_path / "mine.py",)
    assert full.cases.exclude == ("family:torchscript",)
    assert full.limits.memory_bytes == 2 * 1024**3
    assert full.limits.timeout_s == 90
    assert full.limits.wire().memory_bytes == 2 * 1024**3
    assert full.limits.wire().output_bytes == 512_000
    assert full.build.ca_bundle == tmp_path / "ca.pem"
    assert full.build.index == "file:///srv/simple"
    assert full.build.find_links == str(tmp_path / "wheels")
    assert full.build.base == "mine:{python}"
    assert [(host.name, host.provider) for host in full.hosts] == [("here", "venv")]


def test_little_is_needed(load: Load) -> None:
    matrix = load('include: [{python: "3.11", torch: "2.6.0"}]')
    assert [cell.id for cell in matrix.cells] == ["py3.11-torch2.6.0-default"]
    assert matrix.name == "matrix"
    assert matrix.devices == ("cpu",)
    assert matrix.cases.select == ("*",)
    assert matrix.limits.timeout_s == 60
    assert [host.provider for host in matrix.hosts] == ["auto"]


def test_platform_holds_for_cells_that_name_none(load: Load) -> None:
    text = """
    platform: linux/arm64
    axes: {python: ["3.11"], torch: ["2.6.0"]}
    include: [{debian: sid}, {debian: trixie, platform: linux/amd64}]
    """
    platforms = [cell.platform for cell in load(text).cells]
    assert platforms == ["linux/arm64", "linux/arm64", "linux/amd64"]


def test_numpy_axis(load: Load) -> None:
    text = """
    axes: {python: ["3.11"], torch: ["2.6.0"], numpy: [any, "1.26.4", ">=2"]}
    exclude: [{numpy: "1.26.4"}]
    """
    matrix = load(text)
    assert [cell.numpy for cell in matrix.cells] == ["", ">=2"]
    assert [entry.cell.numpy for entry in matrix.left_out] == ["==1.26.4"]


def test_name_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my nightly (gpu).yaml"
    path.write_text("include: [{debian: sid}]", encoding="utf-8")
    assert load_matrix(path, environ={}).name == "my-nightly-gpu"


def test_setting_from_an_empty_variable_is_not_set(load: Load) -> None:
    with pytest.raises(MatrixError, match="variable INDEX is not set"):
        load("include: [{debian: sid}]\nbuild: {index: $INDEX}", {"INDEX": ""})


def test_variables_of_the_process_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CKPTMATRIX_TEST_INDEX", "https://packages.example/simple")
    path = tmp_path / "matrix.yaml"
    path.write_text(
        "include: [{debian: sid}]\nbuild: {index: $CKPTMATRIX_TEST_INDEX}", encoding="utf-8"
    )
    assert load_matrix(path).build.index == "https://packages.example/simple"


def test_missing_matrix_names_a_close_one(tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").touch()
    with pytest.raises(MatrixError, match=r"did you mean .*nightly\.yaml"):
        load_matrix(tmp_path / "nighty.yaml")
    with pytest.raises(MatrixError, match="there is no such file"):
        load_matrix(tmp_path / "absent" / "a.yaml")


def test_same_key_problems_come_with_all_others(load: Load) -> None:
    with pytest.raises(MatrixError) as caught:
        load('name: a\nname: b\ninclude: [{python: "3.11.4", torch: "2.6.0"}]')
    assert [problem.line for problem in caught.value.problems] == [2, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("include: [{debian: sid}]\ndevices: []", "devices is empty"),
        ("include: [{debian: sid}]\nbuild: {index: ''}", "build.index is empty"),
        ("include: [{debian: sid}]\nhosts: []", "hosts is empty"),
        ("axes: {python: ['3.11']}", "axes lacks the key torch"),
        ("include: [{debian: sid}]\nlimits: {pids: 1.5}", "limits.pids must be a whole number"),
        ("include: [{debian: sid}]\nlimits: {pids: 1000000}", "limits.pids must be at most"),
        ("include: [{debian: sid}]\nlimits: {memory: yes}", "as a truth value"),
        ("include: [{debian: sid}]\nlimits: {timeout: 0s}", "not between 0 and 24h"),
        ("include: [null]", "include 1 is empty"),
        ("axes: {python: [null], torch: ['2.6.0']}", "axes.python 1 has an empty entry"),
        ("axes: {python: [[3.1]], torch: ['2.6.0']}", "single value, not a list"),
        ("include: [{debian: sid}]\nhosts: [{}]", "hosts 1 lacks the key name"),
        (f"include: [{{debian: {'a' * 300}, image: {'b' * 300}}}]", "longer than 255 characters"),
        (f"include: [{{debian: sid}}]\ndevices: [{'cpu, ' * 20}]", "devices has more than 16"),
        ("true", "the matrix must be a mapping, not a truth value"),
        ("7", "the matrix must be a mapping, not the number 7"),
        ("exclude: []\ninclude: []", "the matrix has no cells"),
    ],
)
def test_wrong_values(load: Load, text: str, words: str) -> None:
    with pytest.raises(MatrixError) as caught:
        load(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["~no-such-user/ca.pem", "a\\0b.pem", "n" * 900, "a/b.**", "[", "../" * 50 + "x"],
    ids=["home", "nul", "long", "stars", "bracket", "up"],
)
def test_odd_paths_are_paths_that_do_not_exist(load: Load, name: str) -> None:
    with pytest.raises(MatrixError) as caught:
        load(
            "include: [{debian: sid}]\n"
            f'build: {{ca_bundle: "{name}", find_links: "{name}"}}\ncases: {{files: ["{name}.py"]}}'
        )
    assert [p.message.split("/")[0] for p in caught.value.problems] == [
        "there is no file ",
        "there is no folder ",
        "there is no file ",
    ]


def test_impossible_name_of_a_matrix(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="there is no such file"):
        load_matrix(tmp_path / ("n" * 900))


@pytest.mark.parametrize("name", ["default", "smoke"])
def test_shipped_matrices_load(name: str) -> None:
    matrix = load_matrix(shipped.matrices() / f"{name}.yaml", environ={})
    assert matrix.name == name
    assert len(matrix.cells) >= 2


def test_default_matrix() -> None:
    matrix = load_matrix(shipped.matrices() / "default.yaml", environ={})
    assert {(cell.python, cell.torch, cell.numpy) for cell in matrix.cells} == {
        ("3.6", "1.4.0", ""),
        ("3.8", "1.7.1", ""),
        ("3.10", "1.12.1", "<2"),
        ("3.11", "2.13.0", ""),
        ("3.13", "2.6.0", ""),
    }
    assert matrix.cases.select == ("*",)


def test_relative_path_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("include: [{debian: Sid}]", encoding="utf-8")
    with pytest.raises(MatrixError, match=r"^a\.yaml:1:20: "):
        load_matrix(Path("a.yaml"))
