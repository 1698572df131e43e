from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix import __version__
from ckptmatrix.cli import cli, main

if TYPE_CHECKING:
    from pathlib import Path

QUICK = """
import sys
from ckptmatrix.cli import main
code = main(sys.argv[1:])
heavy = {"pandas", "numpy", "pyarrow", "docker", "pydantic", "jinja2", "yaml", "torch"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUICK, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert "ckptmatrix" in done.stdout or "Usage" in done.stdout


@pytest.mark.parametrize("command", [None, *sorted(cli.commands)])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str | None) -> None:
    assert main([command, "-h"] if command else ["-h"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: ")
    assert all(name in shown for name in (cli.commands if command is None else ()))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Usage: "),
        (["wheels"], "Usage: "),
        (["rnu"], "No such command 'rnu'"),
        (["plan"], "Missing argument 'MATRIX'"),
        (["plan", "a.yaml", "b.yaml"], "unexpected extra argument"),
        (["schema", "--json"], "No such option"),
    ],
)
def test_wrong_command_lines(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


def test_an_interrupt_anywhere_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ckptmatrix.matrix.schema.json_schema", interrupted)
    assert main(["schema"]) == 130


def test_a_bug_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        msg = "a bug"
        raise RuntimeError(msg)

    monkeypatch.setattr("ckptmatrix.matrix.schema.json_schema", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["schema"])


def started(*arguments: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ckptmatrix.cli", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **streams,
    )


@pytest.mark.parametrize("command", ["schema", "cases"])
def test_a_reader_that_went_away_is_no_error(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = started(command, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = started("schema", stdout=full)
    assert done.returncode == 3
    assert done.stderr == "error: standard output: No space left on device\n"


def test_messages_are_never_taken_for_markup(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["plan", str(tmp_path / "[bold]red[/red].yaml")]) == 2
    assert "[bold]red[/red].yaml" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 3, None, "words"])
def test_what_ends_the_program_midway_is_no_success(
    monkeypatch: pytest.MonkeyPatch, code: object
) -> None:
    def ends() -> None:
        raise SystemExit(code)

    monkeypatch.setattr("ckptmatrix.matrix.schema.json_schema", ends)
    assert main(["schema"]) == 3
