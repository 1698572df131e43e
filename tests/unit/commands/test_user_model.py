from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.commands.user_model import find_model
from ckptmatrix.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("raise SystemExit('run')", encoding="utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise SystemExit('run')", encoding="utf-8")
    (tmp_path / "package" / "net.py").write_text("", encoding="utf-8")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "net.py").write_text("", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.py")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "file", "module", "factory"),
    [
        ("mine.py:make", "mine.py", "mine", "make"),
        ("mine:Net.small", "mine.py", "mine", "Net.small"),
        ("package.net:make", "package/net.py", "package.net", "make"),
        ("./package/net.py:make", "package/net.py", "net", "make"),
        ("folder.inner.net:make", "folder/inner/net.py", "folder.inner.net", "make"),
    ],
)
def test_the_file_is_found_and_not_run(
    here: Path, text: str, file: str, module: str, factory: str
) -> None:
    found = find_model(text)
    assert (found.file, found.module, found.factory) == ((here / file).resolve(), module, factory)
    assert module not in sys.modules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mine", "write module:factory"),
        (":make", "write module:factory"),
        ("mine:", "write module:factory"),
        ("mine:make()", "write module:factory"),
        ("absent:make", "there is no module absent"),
        ("package.absent:make", "there is no module package.absent"),
        ("package:make", "not one file of Python"),
        ("math:sin", "not one file of Python"),
        ("absent.py:make", "absent.py cannot be read"),
        ("pipe.py:make", "it is not a file"),
        ("folder.inner:make", "not one file of Python"),
        ("a-b.py:make", "rename the file"),
        ("../mine:make", "write a file's path"),
    ],
)
def test_what_cannot_be_found_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find_model(text)
    assert said in str(refusal.value)
