from __future__ import annotations

import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.providers import pyz
from ckptmatrix.shipped import cell_program_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the cell program's source that a test may change."""
    copy = tmp_path / "ckptcell"
    for path in cell_program_source().rglob("*.py"):
        target = copy / path.relative_to(cell_program_source())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    monkeypatch.setattr(pyz, "cell_program_source", lambda: copy)
    forget()
    yield copy
    forget()


def forget() -> None:
    for cached in (pyz._sources, pyz._archive, pyz.observer_digest):
        cached.cache_clear()


def test_the_program_runs(tmp_path: Path) -> None:
    program = pyz.build_cell_program(tmp_path)
    done = subprocess.run(
        [sys.executable, str(program), "--help"], capture_output=True, text=True, check=True
    )
    assert "--scratch" in done.stdout


def test_equal_sources_give_equal_bytes(tmp_path: Path, source: Path) -> None:
    first = pyz.build_cell_program(tmp_path)
    content = first.read_bytes()
    first.unlink()
    for path in sorted(source.rglob("*.py"), reverse=True):
        path.touch()
        path.chmod(0o600)
    forget()
    assert pyz.build_cell_program(tmp_path) == first
    assert first.read_bytes() == content


def test_everything_is_in_it_and_nothing_else(tmp_path: Path, source: Path) -> None:
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "x.pyc").write_bytes(b"")
    with zipfile.ZipFile(pyz.build_cell_program(tmp_path)) as archive:
        names = archive.namelist()
    expected = {f"ckptcell/{path.relative_to(source)}" for path in source.rglob("*.py")}
    assert set(names) == expected | {"__main__.py"}
    assert {"ckptcell/cases/__init__.py", "ckptcell/cases/base.py"} <= set(names)


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    program = pyz.build_cell_program(tmp_path)
    before = program.stat()
    with ThreadPoolExecutor() as pool:
        assert set(pool.map(pyz.build_cell_program, [tmp_path] * 4)) == {program}
    assert program.stat() == before
    assert list(tmp_path.iterdir()) == [program]


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("observe.py", True),
        ("modes.py", True),
        ("cases/base.py", True),
        ("cases/__init__.py", True),
        ("cases/another.py", False),
    ],
)
def test_the_observer_is_the_program_without_its_cases(
    source: Path,
    tmp_path: Path,
    changed: str,
    counts: bool,  # noqa: FBT001 - a parameter
) -> None:
    before, program = pyz.observer_digest(), pyz.build_cell_program(tmp_path)
    path = source / changed
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"# more\n")
    forget()
    assert (pyz.observer_digest() != before) is counts
    assert pyz.build_cell_program(tmp_path) != program
