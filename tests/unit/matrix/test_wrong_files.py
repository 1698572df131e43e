"""Every wrong matrix file says what is wrong, where, and what to write instead.

Beside each file in ``wrong/`` lies the whole message. To accept changed messages after reading
them, run these tests with CKPTMATRIX_ACCEPT=1.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ckptmatrix.errors import ExitCode, MatrixError
from ckptmatrix.matrix.load import load_matrix

WRONG = Path(__file__).parent / "wrong"
FILES = sorted(WRONG.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_wrong_file_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)
    with pytest.raises(MatrixError) as caught:
        load_matrix(Path(path.name), environ={})
    message = f"{caught.value}\n"
    golden = path.with_suffix(".txt")
    if os.environ.get("CKPTMATRIX_ACCEPT"):
        golden.write_text(message, encoding="utf-8")
    assert message == golden.read_text(encoding="utf-8")
    assert caught.value.exit_code is ExitCode.USAGE


def test_every_message_belongs_to_a_file() -> None:
    assert {path.stem for path in WRONG.glob("*.txt")} == {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_places_are_in_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)
    with pytest.raises(MatrixError) as caught:
        load_matrix(Path(path.name), environ={})
    lines = path.read_bytes().decode("latin-1").splitlines()
    for problem in caught.value.problems:
        assert 0 <= problem.line <= len(lines)
        if problem.line:
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert "\n" not in problem.message
        assert "\n" not in problem.fix
