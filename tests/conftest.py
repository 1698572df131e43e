"""What every test may rely on."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Undo what a shell does to a job it starts in the background, or under nohup.

    Such a job is born with these signals ignored, and so are the programs that tests start; then
    how a run ends by them could not be tested.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
