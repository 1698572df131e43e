"""What a checkpoint that is hostile code can do in a container: nothing outside its own folders.

Each test runs a script where the cell program would run, so that nothing but the container stands
between it and the machine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dockers import Bench, Traces, engine_or_skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker.api import APIClient


@pytest.fixture(scope="module")
def api() -> APIClient:
    return engine_or_skip()


@pytest.fixture
def bench(api: APIClient, tmp_path: Path) -> Iterator[Bench]:
    """Whatever a test does, the engine has the same things in it afterwards."""
    before = Traces.of(api)
    yield Bench(api=api, folder=tmp_path, run_name=f"test-{os.getpid()}")
    assert Traces.of(api) == before
