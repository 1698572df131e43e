from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ckptmatrix.matrix.cell import Cell
from ckptmatrix.providers.docker.locks import build_settings, local_wheels, reachable_sources
from ckptmatrix.providers.venv.sources import Sources

FIRST = "https://whl.example/cpu"
CELL = Cell(id="c", python="3.11", torch="2.13.0", cuda="cpu")
ENVIRON: dict[str, str] = {}


def lock(*files: Path) -> str:
    lines = []
    for file in files:
        name, version = file.name.split("-")[:2]
        lines.append(f"{name.replace('_', '-')}=={version} \\\n    {hash_of(file)}\n")
    return "".join(lines)


def hash_of(file: Path) -> str:
    return f"--hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def wheel(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(name, encoding="utf-8")
    return path


def test_an_index_that_is_a_folder_stays_here_and_wheels_go_along() -> None:
    sources = Sources(
        index_url="file:///srv/simple",
        extra_index_urls=("https://a.example/simple", "file:///srv/more"),
        find_links=("/srv/wheels", "https://a.example/links.html"),
    )
    kept = reachable_sources(sources)
    assert kept.index_url == ""
    assert kept.extra_index_urls == ("https://a.example/simple",)
    assert kept.find_links == sources.find_links
    settings = build_settings("b", kept, first=None, environ=ENVIRON)
    assert settings.find_links == ("https://a.example/links.html",)


def test_the_index_of_the_asked_build_comes_first() -> None:
    sources = Sources(extra_index_urls=("https://a.example/simple",), trusted_hosts=("a.example",))
    settings = build_settings("base", sources, first=FIRST, environ=ENVIRON)
    assert settings.extra_index_urls == (FIRST, "https://a.example/simple")
    assert (settings.base, settings.trusted_hosts) == ("base", ("a.example",))
    assert build_settings("base", sources, first=None, environ=ENVIRON).extra_index_urls == (
        "https://a.example/simple",
    )


def test_uvs_own_index_is_pips_too() -> None:
    environ = {"UV_DEFAULT_INDEX": "https://uv.example/simple"}
    settings = build_settings("b", Sources(), first=None, environ=environ)
    assert settings.index_url == "https://uv.example/simple"
    own = Sources(index_url="https://own.example/simple")
    assert build_settings("b", own, first=None, environ=environ).index_url == own.index_url


def test_proxies_and_certificates_are_passed_on() -> None:
    environ = {"HTTPS_PROXY": "http://p.example:1", "no_proxy": "x", "FTP_PROXY": ""}
    settings = build_settings("b", Sources(ca_bundle="/ca.pem"), first=None, environ=environ)
    assert settings.proxies == {"https_proxy": "http://p.example:1", "no_proxy": "x"}
    assert settings.ca_bundle == Path("/ca.pem")


def test_only_wheels_that_the_lock_names_go_along(tmp_path: Path) -> None:
    cpu = wheel(tmp_path, "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl")
    pure = wheel(tmp_path, "my_tool-1.0-py3-none-any.whl")
    source = wheel(tmp_path, "old-3.0.tar.gz")
    others = [
        wheel(tmp_path, name)
        for name in (
            "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl",
            "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl",
            "torch-2.13.0+cpu-cp311-cp311-win_amd64.whl",
            "torch-2.12.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
            "readme.txt",
            "odd.whl",
        )
    ]
    sources = Sources(find_links=(str(tmp_path), "https://a.example/links.html"))
    text = (
        lock(cpu, pure) + "old==3.0 --hash=sha256:" + hashlib.sha256(b"old-3.0.tar.gz").hexdigest()
    )
    # Also hashes of wheels for others are in a lock; the cell has no use for them.
    text += "".join(
        f"\n --hash=sha256:{hashlib.sha256(o.read_bytes()).hexdigest()}" for o in others
    )
    assert local_wheels(CELL, text, sources) == {p.name: p for p in (cpu, pure, source)}


def test_a_wheel_of_the_same_name_with_other_contents_stays(tmp_path: Path) -> None:
    path = wheel(tmp_path, "torch-2.13.0-py3-none-any.whl")
    text = lock(path)
    path.write_text("changed", encoding="utf-8")
    assert local_wheels(CELL, text, Sources(find_links=(str(tmp_path),))) == {}


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_place_may_be_one_file(tmp_path: Path, form: str) -> None:
    path = wheel(tmp_path, "six-1.17.0-py2.py3-none-any.whl")
    sources = Sources(find_links=(form.format(path),))
    assert local_wheels(CELL, lock(path), sources) == {path.name: path}
