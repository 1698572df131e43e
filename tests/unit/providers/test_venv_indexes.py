from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.providers.venv.indexes import Sources, asked_build, combine, pytorch_index
from ckptmatrix.providers.venv.pip_settings import PipSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_all_indexes_are_equal_and_the_asked_one_is_first() -> None:
    sources = Sources(
        index_url="https://d", extra_index_urls=("https://e",), find_links=("/w",), no_index=True
    )
    assert sources.arguments("https://asked") == [
        "--index-strategy=unsafe-best-match",
        *("--index-url", "https://d"),
        *("--extra-index-url", "https://asked"),
        *("--extra-index-url", "https://e"),
        *("--find-links", "/w"),
        "--no-index",
    ]


def test_nothing_set_leaves_the_choice_to_uv() -> None:
    assert Sources().arguments() == ["--index-strategy=unsafe-best-match"]
    assert Sources().environment() == {}


def test_the_matrix_is_stronger_than_pip() -> None:
    pip = PipSettings(index_url="https://pip", cert="/pip.pem")
    sources = combine({}, pip, index="https://matrix", find_links="https://w", ca_bundle="/m.pem")
    assert sources.index_url == "https://matrix"
    assert sources.find_links == ("https://w",)
    assert sources.environment() == {"SSL_CERT_FILE": "/m.pem"}


def test_pip_is_heard_where_nothing_stronger_speaks() -> None:
    pip = PipSettings(index_url="https://pip", cert="/pip.pem", trusted_hosts=("h",))
    sources = combine({}, pip)
    assert (sources.index_url, sources.ca_bundle) == ("https://pip", "/pip.pem")
    assert sources.arguments()[-2:] == ["--allow-insecure-host", "h"]


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uvs_own_index_is_stronger_than_pips(name: str) -> None:
    pip = PipSettings(index_url="https://pip")
    assert combine({name: "https://uv"}, pip).index_url == ""
    assert combine({name: "https://uv"}, pip, index="https://matrix").index_url == "https://matrix"


def test_a_certificate_file_set_for_all_programs_is_stronger_than_pips() -> None:
    sources = combine({"SSL_CERT_FILE": "/all.pem"}, PipSettings(cert="/pip.pem"))
    assert sources.ca_bundle == "/all.pem"


def test_folders_that_are_not_there_are_passed_over_as_pip_does(tmp_path: Path) -> None:
    pip = PipSettings(find_links=(str(tmp_path), str(tmp_path / "absent"), "https://w/list.html"))
    assert combine({}, pip).find_links == (str(tmp_path), "https://w/list.html")


def test_the_matrixs_own_folder_is_never_dropped_silently(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert combine({}, PipSettings(), find_links=absent).find_links == (absent,)


@pytest.mark.parametrize(
    ("cuda", "build"), [("default", ""), ("cpu", "cpu"), ("12.4", "cu124"), ("9.2", "cu92")]
)
def test_builds_are_named_as_indexes_name_them(cuda: str, build: str) -> None:
    assert asked_build(cuda) == build


def test_each_build_has_its_own_index() -> None:
    assert pytorch_index("cu124").endswith("/cu124")
    assert pytorch_index("cpu") != pytorch_index("cu124")
