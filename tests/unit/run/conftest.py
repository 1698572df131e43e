from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """Runs over one store."""
    return Scenario(folder=tmp_path)
