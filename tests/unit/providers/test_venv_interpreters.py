from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.providers.venv.interpreters import (
    Interpreter,
    parse_interpreters,
    pick,
    search_path,
)
from ckptmatrix.words import Reason


def entry(version: str, path: str, **changes: Any) -> dict[str, Any]:
    fields = {"implementation": "cpython", "variant": "default", "arch": "x86_64"}
    return {"version": version, "path": path, **fields, **changes}


def found(*versions: str) -> list[Interpreter]:
    return [Interpreter(version=v, path=Path(f"/{v}/bin/python")) for v in versions]


def test_newest_first_and_the_most_exact_name_of_one() -> None:
    entries = [
        entry("3.11.2", "/usr/bin/python3.11"),
        entry("3.11.10", "/opt/bin/python"),
        entry("3.11.10", "/opt/bin/python3.11"),
        entry("3.11.10", "/opt/bin/python3"),
    ]
    paths = [str(each.path) for each in parse_interpreters(entries, "x86_64")]
    assert paths[0] == "/opt/bin/python3.11"
    assert paths[-1] == "/usr/bin/python3.11"


@pytest.mark.parametrize(
    "changes",
    [
        {"implementation": "pypy"},
        {"variant": "freethreaded"},
        {"arch": "aarch64"},
        {"path": None},
    ],
)
def test_what_cannot_make_a_cell_is_passed_over(changes: dict[str, Any]) -> None:
    other = {**entry("3.13.9", "/other/bin/python3.13"), **changes}
    good = entry("3.13.0", "/good/bin/python3.13")
    assert [str(each.path) for each in parse_interpreters([other, good], "x86_64")] == [
        "/good/bin/python3.13"
    ]


def test_an_interpreter_itself_is_before_an_environment_and_that_before_a_shim(
    tmp_path: Path,
) -> None:
    for name in ("real", "env", "shims"):
        (tmp_path / name / "bin").mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    entries = [
        entry("3.11.9", str(tmp_path / "shims" / "python3.11")),
        entry("3.11.8", str(tmp_path / "env" / "bin" / "python3.11")),
        entry("3.11.7", str(tmp_path / "real" / "bin" / "python3.11")),
    ]
    versions = [each.version for each in parse_interpreters(entries, "x86_64")]
    assert versions == ["3.11.7", "3.11.8", "3.11.9"]


@pytest.mark.parametrize(
    ("asked", "expected"), [("3.1", "3.1.5"), ("3.11", "3.11.7"), ("3.11.2", "3.11.2")]
)
def test_a_release_is_not_a_prefix_of_text(asked: str, expected: str) -> None:
    assert pick(asked, found("3.11.7", "3.11.2", "3.1.5")).version == expected


def test_a_missing_python_says_which_there_are_and_how_to_get_it() -> None:
    with pytest.raises(CellError) as caught:
        pick("3.5", found("3.11.7", "3.9.1"))
    assert caught.value.reason is Reason.PYTHON_NOT_FOUND
    assert "found: 3.9.1, 3.11.7" in caught.value.message
    assert "uv python install 3.5" in caught.value.message


def test_without_any_python_the_message_still_helps() -> None:
    with pytest.raises(CellError, match="found: none"):
        pick("3.11", [])


def test_pyenvs_own_pythons_are_searched_first(tmp_path: Path) -> None:
    (tmp_path / "versions" / "3.9.1" / "bin").mkdir(parents=True)
    path = search_path({"PYENV_ROOT": str(tmp_path), "PATH": "/usr/bin"})
    assert path == f"{tmp_path}/versions/3.9.1/bin:/usr/bin"


def test_pyenvs_shims_are_not_searched(tmp_path: Path) -> None:
    shims = (tmp_path / "shims", tmp_path / "plugins" / "pyenv-virtualenv" / "shims")
    given = ":".join(map(str, [*shims, "/other/shims", "/usr/bin"]))
    path = search_path({"PYENV_ROOT": str(tmp_path), "PATH": given})
    assert path == "/other/shims:/usr/bin"


def test_pyenv_is_in_the_home_unless_it_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / ".pyenv" / "versions" / "3.9.1" / "bin").mkdir(parents=True)
    path = search_path({"HOME": str(tmp_path), "PATH": "/usr/bin"})
    assert path == f"{tmp_path}/.pyenv/versions/3.9.1/bin:/usr/bin"
