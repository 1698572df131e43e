from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from example_run import make_run, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.judge.outcome import Outcome
    from ckptmatrix.record import RunRecord


@pytest.fixture
def make_outcome() -> Callable[..., Outcome]:
    return outcome


@pytest.fixture
def change_run() -> Callable[..., RunRecord]:
    return make_run


@pytest.fixture
def run() -> RunRecord:
    return make_run()
