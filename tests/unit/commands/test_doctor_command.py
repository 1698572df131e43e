from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.doctor import Check, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

WELL = Check(name="uv", status=Status.OK, detail="0.9 [is] here")
HALF = Check(name="Docker", status=Status.WARN, detail="no engine", fix="start one")
MISSING = Check(name="Pythons", status=Status.MISSING, detail="none", fix="uv python install 3.11")


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Path]]:
    """Has the machine be found like this; gives the folders that were asked about."""
    asked: dict[str, Path] = {}

    def found(*checks: Check) -> dict[str, Path]:
        def diagnose(**folders: Path) -> tuple[Check, ...]:
            asked.update(folders)
            return checks

        monkeypatch.setattr("ckptmatrix.commands.doctor.diagnose_host", diagnose)
        return asked

    return found


def test_a_machine_that_is_ready(
    command: Command, matrix: Path, diagnosed: Callable[..., dict[str, Path]]
) -> None:
    asked = diagnosed(WELL, HALF)
    said = command("doctor", "--out", "there")
    assert said.code == 0
    assert said.out == "✓ uv: 0.9 [is] here\n• Docker: no engine\n    start one\n"
    assert asked["cache_dir"] == matrix.parent / "cache"
    assert str(asked["reports"]) == "there"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_machine_that_lacks_something_is_exit_code_3(
    command: Command, diagnosed: Callable[..., object], *, as_json: bool
) -> None:
    diagnosed(WELL, MISSING)
    said = command("doctor", *(["--json"] if as_json else []))
    assert said.code == 3
    assert MISSING.fix in said.out
    if as_json:
        assert [check["status"] for check in said.json()] == ["ok", "missing"]
        assert set(said.json()[0]) == {"name", "status", "detail", "fix"}
