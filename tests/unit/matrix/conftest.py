from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.matrix.load import load_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ckptmatrix.matrix.model import Matrix


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Matrix]:
    """Loads a text as the file ``matrix.yaml`` of the test's own folder."""

    def from_text(text: str, environ: Mapping[str, str] | None = None) -> Matrix:
        path = tmp_path / "matrix.yaml"
        path.write_text(text, encoding="utf-8")
        return load_matrix(path, environ=environ or {})

    return from_text
