from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from ckptmatrix.run.progress import PlainBoard, RichBoard, board_for


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=200), text


def test_a_terminal_gets_a_live_board_and_a_log_plain_lines() -> None:
    assert isinstance(board_for(console(terminal=True)[0]), RichBoard)
    assert isinstance(board_for(console(terminal=False)[0]), PlainBoard)


def test_plain_lines_say_who_does_what_and_how_a_phase_ended() -> None:
    shown, text = console(terminal=False)
    with PlainBoard(shown) as board:
        board.phase("save", 3)
        board.doing("cell", "save 3 on cpu")
        board.doing("cell", "")
        board.step(3)
        board.phase("load", 2)
        board.step()
    first, second, third = text.getvalue().splitlines()
    assert first == "cell: save 3 on cpu"
    assert second.startswith("save: 3/3 in 0.")
    assert third.startswith("load: 1/2 in ")


def test_plain_lines_in_between_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, text = console(terminal=False)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with PlainBoard(shown) as board:
        board.phase("load", 10)
        for _ in range(10):
            now[0] += 2.0
            board.step()
    assert text.getvalue().splitlines() == [
        "load: 3/10",
        "load: 6/10",
        "load: 9/10",
        "load: 10/10 in 20.0 s",
    ]


def test_a_phase_of_nothing_is_not_mentioned() -> None:
    shown, text = console(terminal=False)
    with PlainBoard(shown) as board:
        board.phase("load", 0)
        board.step(0)
    assert text.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_said_is_never_taken_for_markup(*, terminal: bool) -> None:
    shown, text = console(terminal=terminal)
    with board_for(shown) as board:
        board.phase("load [/red]", 1)
        board.doing("[bold]cell", "['a'] [/nonsense]")
        board.say("[red]['weight'] [/bold] is gone")
    assert "[red]['weight'] [/bold] is gone" in text.getvalue()


def test_the_live_board_shows_the_phase_and_everyone_at_work() -> None:
    shown, text = console(terminal=True)
    with RichBoard(shown) as board:
        board.step()  # Before any phase: nothing to count.
        board.phase("save", 4)
        board.doing("first", "asking what it is")
        board.doing("second", "installing")
        board.doing("first", "save 2 on cpu")
        board.doing("second", "")
        board.doing("stranger", "")
        board.step(2)
        board._progress.refresh()
        written = text.getvalue()
        assert "first: save 2 on cpu" in written
        assert "2/4" in written
        text.truncate(0)
        board.phase("load", 7)
        board._progress.refresh()
        assert "first" not in text.getvalue().split("load")[-1]
    assert "0/7" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_many_threads_may_report_at_once(*, terminal: bool) -> None:
    shown, text = console(terminal=terminal)
    with board_for(shown) as board:
        board.phase("load", 400)

        def work(who: str) -> None:
            for number in range(100):
                board.doing(who, str(number))
                board.step()
            board.doing(who, "")

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if isinstance(board, RichBoard):
            board._progress.refresh()
    assert "400/400" in text.getvalue()
