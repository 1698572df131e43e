from __future__ import annotations

import os
from pathlib import Path

import pytest

from ckptmatrix.errors import UsageError
from ckptmatrix.providers.venv.pip_settings import (
    pip_config_files,
    read_pip_settings,
)
from ckptmatrix.providers.venv.sources import Sources


def conf(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_nothing_set_is_nothing_said(tmp_path: Path) -> None:
    assert read_pip_settings({}, [tmp_path / "absent"]) == Sources()


def test_variables_are_read_as_pip_reads_them() -> None:
    settings = read_pip_settings(
        {
            "PIP_INDEX_URL": "https://mirror/simple",
            "PIP_EXTRA_INDEX_URL": "https://a/simple https://b/simple",
            "PIP_FIND_LINKS": "/wheels\n/more",
            "PIP_CERT": "/ca.pem",
            "PIP_TRUSTED_HOST": "mirror",
            "PIP_NO_INDEX": "1",
        },
        [],
    )
    assert settings == Sources(
        index_url="https://mirror/simple",
        extra_index_urls=("https://a/simple", "https://b/simple"),
        find_links=("/wheels", "/more"),
        trusted_hosts=("mirror",),
        no_index=True,
        ca_bundle="/ca.pem",
    )


def test_a_later_file_is_stronger_key_by_key(tmp_path: Path) -> None:
    weak = conf(tmp_path / "1", "[global]\nindex-url = https://weak\ncert = /weak.pem\n")
    strong = conf(tmp_path / "2", "[global]\nindex_url = https://strong\n")
    settings = read_pip_settings({}, [weak, strong])
    assert (settings.index_url, settings.ca_bundle) == ("https://strong", "/weak.pem")


def test_install_is_stronger_than_global_even_in_a_weaker_file(tmp_path: Path) -> None:
    weak = conf(tmp_path / "1", "[install]\nfind-links =\n    /one\n    /two\n")
    strong = conf(tmp_path / "2", "[global]\nfind-links = /three\n")
    assert read_pip_settings({}, [weak, strong]).find_links == ("/one", "/two")


def test_a_variable_is_stronger_than_files_and_an_empty_one_is_none(tmp_path: Path) -> None:
    file = conf(tmp_path / "1", "[install]\nindex-url = https://file\n")
    assert read_pip_settings({"PIP_INDEX_URL": "https://v"}, [file]).index_url == "https://v"
    assert read_pip_settings({"PIP_INDEX_URL": " "}, [file]).index_url == "https://file"


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("0", False), ("no", False)])
def test_no_index_is_a_truth_value(value: str, *, expected: bool) -> None:
    assert read_pip_settings({"PIP_NO_INDEX": value}, []).no_index is expected


@pytest.mark.parametrize("text", ["index-url = x\n", "[global\n", "\xff\xfe"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pip.conf"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"pip\.conf: not a settings file of pip"):
        read_pip_settings({}, [file])


def test_a_percent_sign_is_only_a_percent_sign(tmp_path: Path) -> None:
    file = conf(tmp_path / "1", "[global]\nindex-url = https://u:p%40ss@host/simple\n")
    assert read_pip_settings({}, [file]).index_url == "https://u:p%40ss@host/simple"


def test_files_come_weakest_first() -> None:
    environ = {"HOME": "/h", "PIP_CONFIG_FILE": "/chosen", "XDG_CONFIG_DIRS": "/strong:/weak"}
    assert pip_config_files(environ, Path("/env")) == [
        Path("/weak/pip/pip.conf"),
        Path("/strong/pip/pip.conf"),
        Path("/etc/pip.conf"),
        Path("/h/.pip/pip.conf"),
        Path("/h/.config/pip/pip.conf"),
        Path("/env/pip.conf"),
        Path("/chosen"),
    ]


def test_the_null_device_switches_files_off() -> None:
    assert pip_config_files({"PIP_CONFIG_FILE": os.devnull}, Path("/env")) == []
