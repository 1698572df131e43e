"""What ``plan`` says of disk, of what earlier runs saw, and of what has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.providers.select import Choice
from fakes import Behaviour, FakeProvider
from scenario import TRUNCATED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]
    Inject = Callable[[FakeProvider], None]

OLD, NEW = "py3.10-torch1.13.1-default", "py3.11-torch2.6.0-default"
GOOD = Behaviour(raises=TRUNCATED)


@pytest.fixture
def ran(
    command: Command, inject: Inject, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Runs the matrix with a provider without processes, which ``plan`` then is asked about."""
    monkeypatch.setattr(
        "ckptmatrix.commands.plan.choose_provider", lambda *_, **__: Choice("fake", "fake: so")
    )

    def run(*arguments: str) -> Any:
        inject(FakeProvider({OLD: GOOD, NEW: GOOD}))
        return command("run", matrix, "--json", *arguments).json()

    return run


def files_of(folder: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_before_any_run_nothing_is_known_and_nothing_is_made(
    command: Command, matrix: Path
) -> None:
    said = command("plan", matrix, "--provider", "venv")
    assert said.code == 0
    assert "known from earlier runs: 0 saves, 0 loads" in said.out
    assert "left to do: at most 6 saves, " in said.out
    assert list(matrix.parent.iterdir()) == [matrix]


def test_after_a_run_all_is_known_exactly(
    command: Command, ran: Callable[..., Any], matrix: Path
) -> None:
    summary = ran()
    before = files_of(matrix.parent)
    known = command("plan", matrix, "--json").json()["known"]
    assert known == {
        "saves": summary["saves"],
        "loads": summary["loads"],
        "left_saves": 0,
        "left_loads": 0,
        "left_jobs": 0,
        "exact": True,
    }
    assert files_of(matrix.parent) == before
    assert ran()["jobs"] == 0


def test_what_a_run_then_does_is_what_was_left(
    command: Command, ran: Callable[..., Any], matrix: Path
) -> None:
    ran("--cells", OLD)
    known = command("plan", matrix, "--json").json()["known"]
    assert not known["exact"]
    summary = ran()
    assert known["left_jobs"] == summary["jobs"] == 4
    assert (known["saves"], known["loads"]) == (summary["reused_saves"], summary["reused_loads"])
    assert (known["left_saves"], known["left_loads"]) == (summary["saves"], summary["loads"])


def test_more_cases_than_were_run(command: Command, ran: Callable[..., Any], matrix: Path) -> None:
    ran()
    matrix.write_text(matrix.read_text().replace("module_linear", "module_linear, module_gelu"))
    known = command("plan", matrix, "--json").json()["known"]
    assert (known["left_saves"], known["exact"], known["left_jobs"]) == (2, False, 4)
    summary = ran()
    assert (summary["saves"], summary["loads"]) == (2, known["left_loads"])


def test_other_limits_know_nothing(command: Command, ran: Callable[..., Any], matrix: Path) -> None:
    ran()
    matrix.write_text(matrix.read_text() + "limits: {timeout: 7s}\n")
    known = command("plan", matrix, "--json").json()["known"]
    assert (known["saves"], known["loads"], known["left_saves"]) == (0, 0, 6)


def test_another_cell_program_asks_every_cell_anew(
    command: Command, ran: Callable[..., Any], matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran()
    monkeypatch.setattr("ckptmatrix.commands.plan.observer_digest", lambda: "0" * 64)
    monkeypatch.setattr("ckptmatrix.commands.run.observer_digest", lambda: "0" * 64)
    known = command("plan", matrix, "--json").json()["known"]
    assert known["left_jobs"] == ran()["jobs"] == 6


def test_a_store_elsewhere_and_checkpoints_that_are_gone(
    command: Command, ran: Callable[..., Any], matrix: Path, tmp_path: Path
) -> None:
    ran("--store", str(tmp_path / "kept"))
    assert command("plan", matrix, "--json").json()["known"]["saves"] == 0
    there = ("plan", matrix, "--json", "--store", tmp_path / "kept")
    assert command(*there).json()["known"]["saves"] == 6
    for file in (tmp_path / "kept" / "checkpoints").rglob("checkpoint.pt"):
        file.unlink()
    assert command(*there).json()["known"]["saves"] == 0


@pytest.mark.parametrize("content", [b"", b"not a database", None])
def test_a_store_that_cannot_be_read_is_one_that_knows_nothing(
    command: Command, ran: Callable[..., Any], matrix: Path, content: bytes | None
) -> None:
    ran()
    database = matrix.parent / "reports" / ".store" / "results.sqlite"
    for path in database.parent.glob("results.sqlite*"):
        path.unlink()
    if content is None:
        database.mkdir()
    else:
        database.write_bytes(content)
    before = files_of(matrix.parent)
    said = command("plan", matrix, "--json")
    assert said.code == 0
    assert said.json()["known"]["saves"] == 0
    assert files_of(matrix.parent) == before


def test_records_that_cannot_be_read_are_passed_over(
    command: Command, ran: Callable[..., Any], matrix: Path
) -> None:
    ran()
    damaged = matrix.parent / "reports" / "small" / "99991231-000000"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    assert command("plan", matrix, "--json").json()["known"]["exact"]


def test_disk_is_said_per_cell_and_in_total(command: Command, matrix: Path) -> None:
    said = command("plan", matrix, "--provider", "venv")
    assert "~1.7 GB" in said.out
    assert "disk for environments when none is made: about 7.3 GB" in said.out
    plan = command("plan", matrix, "--provider", "venv", "--json").json()
    assert [cell["disk"] for cell in plan["cells"]] == [
        {"bytes": 1_740_000_000, "measured": False},
        {"bytes": 5_528_000_000, "measured": False},
    ]
    assert plan["cost"]["disk_bytes"] == 7_268_000_000


def test_what_a_provider_cannot_make_is_not_to_be_measured(command: Command, matrix: Path) -> None:
    matrix.write_text(
        "include: [{debian: sid}, {image: 'own:1'}, {python: '3.11', torch: '2.6.0'},\n"
        "          {python: '3.11', torch: '2.6.0', platform: linux/arm64}]\n",
        encoding="utf-8",
    )
    said = command("plan", matrix, "--provider", "venv")
    assert said.out.count("not with venv: needs containers") == 2
    assert said.out.count("not with venv: ") >= 3
    assert said.out.count("to be measured") == 1
    plan = command("plan", matrix, "--provider", "venv", "--json").json()
    assert plan["cost"]["cells"] == 1
    assert [cell["reason"] for cell in plan["cells"][:3]] == ["host_unsupported"] * 2 + [None]


def test_without_an_engine_a_plan_for_containers_is_made_all_the_same(
    command: Command, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{matrix.parent}/none.sock")
    said = command("plan", matrix, "--provider", "docker")
    assert said.code == 0
    assert "docker: no Docker engine answers" in said.out


def test_settings_without_effect_are_named(command: Command, matrix: Path) -> None:
    text = "limits: {pids: 99}\nhosts: [{name: a, provider: venv}, {name: b}]\n"
    matrix.write_text(matrix.read_text() + text)
    said = command("plan", matrix)
    assert "not used by venv: hosts b (a run uses the first host); limits.pids" in said.out
    assert len(command("plan", matrix, "--json").json()["unused"]) == 2
