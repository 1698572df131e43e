from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ckptcell import facts
from ckptmatrix.wire import Facts

if TYPE_CHECKING:
    from pathlib import Path


def test_distributions_are_found_by_their_metadata(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path, text in {
        first / "torch-2.6.0.dist-info" / "METADATA": "Name: torch\nVersion: 2.6.0+cpu\n\nName: x",
        second / "torch-1.0.dist-info" / "METADATA": "Name: Torch\nVersion: 1.0\n",
        second / "old.egg-info" / "PKG-INFO": "Metadata-Version: 1.0\nName: old_one\nVersion: 3\n",
        second / "single.egg-info": "Name: single\nVersion: 4\n",
        second / "packed-5-py3.6.egg" / "EGG-INFO" / "PKG-INFO": "Name: packed\nVersion: 5\n",
        second / "broken.dist-info" / "METADATA": "Name: broken\n",
        second / "empty.dist-info" / "RECORD": "",
        second / "torch" / "__init__.py": "",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folders = [str(first), str(second), str(tmp_path / "nothing"), str(second / "single.egg-info")]
    assert facts.installed(folders) == [
        {"name": "old_one", "version": "3"},
        {"name": "packed", "version": "5"},
        {"name": "single", "version": "4"},
        {"name": "torch", "version": "2.6.0+cpu"},
    ]


def test_the_standard_librarys_way_finds_the_same() -> None:
    from importlib.metadata import distributions  # noqa: PLC0415 - only to compare with

    theirs = {(dist.name, dist.version) for dist in distributions(path=sys.path[1:])}
    ours = {(record["name"], record["version"]) for record in facts.installed(sys.path[1:])}
    assert ours <= theirs
    assert {name.lower() for name, _ in ours} == {name.lower() for name, _ in theirs}


def test_facts_without_torch_are_valid_and_say_why() -> None:
    gathered = Facts.model_validate(facts.gather("fork", "ImportError: no torch today"))
    assert gathered.torch is None
    assert gathered.torch_error == "ImportError: no torch today"
    assert gathered.python == sys.version.split()[0]
    assert gathered.executable == sys.executable
    assert gathered.byteorder == sys.byteorder
    assert gathered.cpu_count >= 1
    assert gathered.packages
