"""What every test may rely on."""

from __future__ import annotations

import signal

from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Undo what a shell does to a job it starts in the background, or under nohup.

    Such a job is born with these signals ignored, and so are the programs that tests start; then
    how a run ends by them could not be tested.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
