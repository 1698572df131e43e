from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.providers.venv.indexes import combine, find_sources
from ckptmatrix.providers.venv.sources import Sources

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
    pip = Sources(index_url="https://pip", ca_bundle="/pip.pem")
    sources = combine({}, pip, index="https://matrix", find_links="https://w", ca_bundle="/m.pem")
    assert sources.index_url == "https://matrix"
    assert sources.find_links == ("https://w",)
    assert sources.environment() == {"SSL_CERT_FILE": "/m.pem"}


def test_pip_is_heard_where_nothing_stronger_speaks() -> None:
    pip = Sources(index_url="https://pip", ca_bundle="/pip.pem", trusted_hosts=("h",))
    sources = combine({}, pip)
    assert (sources.index_url, sources.ca_bundle) == ("https://pip", "/pip.pem")
    assert sources.arguments()[-2:] == ["--allow-insecure-host", "h"]


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uvs_own_index_is_stronger_than_pips(name: str) -> None:
    pip = Sources(index_url="https://pip")
    assert combine({name: "https://uv"}, pip).index_url == ""
    assert combine({name: "https://uv"}, pip, index="https://matrix").index_url == "https://matrix"


def test_a_certificate_file_set_for_all_programs_is_stronger_than_pips() -> None:
    sources = combine({"SSL_CERT_FILE": "/all.pem"}, Sources(ca_bundle="/pip.pem"))
    assert sources.ca_bundle == "/all.pem"


def test_folders_that_are_not_there_are_passed_over_as_pip_does(tmp_path: Path) -> None:
    pip = Sources(find_links=(str(tmp_path), str(tmp_path / "absent"), "https://w/list.html"))
    assert combine({}, pip).find_links == (str(tmp_path), "https://w/list.html")


def test_the_matrixs_own_folder_is_never_dropped_silently(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert combine({}, Sources(), find_links=absent).find_links == (absent,)


@pytest.mark.parametrize(
    "name",
    [
        *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
        *("UV_CONSTRAINT", "UV_OVERRIDE"),
        *("UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION", "UV_INDEX_STRATEGY"),
    ],
)
def test_uvs_settings_that_change_the_answer_change_the_digest(name: str) -> None:
    digests = {combine({name: value}, Sources()).digest for value in ("", "one", "two")}
    assert len(digests) == 3


def test_what_is_in_a_file_of_constraints_counts(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    digests = set()
    for content in ("six<2", "six<1"):
        file.write_text(content)
        digests.add(combine({"UV_CONSTRAINT": str(file)}, Sources()).digest)
    assert len(digests) == 2


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "PIP_INDEX_URL"])
def test_who_reads_an_index_does_not_change_what_it_says(name: str) -> None:
    def digest(user: str) -> str:
        environ = {name: f"https://{user}mirror/simple", "PIP_CONFIG_FILE": "/dev/null"}
        return find_sources(environ).digest

    assert digest("") == digest("me:token@") == digest("other:t%40ken@")
    assert digest("") != find_sources({"PIP_CONFIG_FILE": "/dev/null"}).digest


def test_one_index_is_asked_as_all_are_reached() -> None:
    sources = Sources(
        index_url="https://d", extra_index_urls=("https://e",), trusted_hosts=("h",), ca_bundle="/c"
    ).alone("https://one")
    assert sources.environment() == {"SSL_CERT_FILE": "/c"}
    assert sources.arguments() == [
        "--index-strategy=unsafe-best-match",
        *("--index-url", "https://one", "--allow-insecure-host", "h"),
    ]
